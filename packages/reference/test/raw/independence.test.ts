import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** What the files of one folder of `src` import, without the files of the folder itself. */
function importsOf(folder: string): string[] {
  const root = new URL(`../../src/${folder}/`, import.meta.url);
  const found = new Set<string>();
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(new URL(file, root), 'utf8');
    for (const [, path] of text.matchAll(/from '([^']+)'/g)) found.add(path!);
  }
  expect(found.size).toBeGreaterThan(0);
  return [...found];
}

// Each of the three checks the others only as long as they share nothing but number formats and tensors.
it.each([
  ['raw', /kernels|oracle|patterns|\/site\.ts/],
  ['oracle', /kernels|raw|patterns/],
  ['kernels', /oracle|raw|patterns/],
] as const)('%s shares no arithmetic with what it is compared with', (folder, forbidden) => {
  expect(
    importsOf(folder).filter((path) => forbidden.test(path) && !path.startsWith('./')),
  ).toEqual([]);
});
