import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';

it('the README shows a program that runs', async () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(read('../README.md'))?.[1];
  expect(shown).toBe(read('./readme-example.ts'));
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('./readme-example.ts');
  expect(log).toHaveBeenCalledWith('ar_rms');
  log.mockRestore();
});
