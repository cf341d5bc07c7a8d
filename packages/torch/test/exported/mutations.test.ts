import { ArfuseError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readExportedProgram } from '../../src/exported/index.ts';
import type { JsonValue } from '../../src/json/parse-json.ts';
import { smallProgram } from '../programs.ts';

/** Every place in a document, as a path of keys. */
function paths(value: JsonValue | undefined, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, item]) => paths(item as JsonValue, [...path, key])),
  ];
}

/** A copy of a document with one place changed. */
function changed(
  document: JsonValue,
  path: readonly string[],
  change: (old: unknown) => unknown,
): JsonValue {
  const copy = structuredClone(document) as Record<string, unknown>;
  if (path.length === 0) return change(copy) as JsonValue;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  const last = path.at(-1)!;
  at[last] = change(at[last]);
  return copy as unknown as JsonValue;
}

const document = JSON.parse(smallProgram()) as JsonValue;
const wrong = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    2,
    1.5,
    1e300,
    '',
    'x',
    'neg',
    '__proto__',
    [],
    {},
    [[]],
    9223372036854775807n,
  ),
  fc.constantFrom<unknown>(
    { as_tensor: { name: 'x' } },
    { as_int: 1 },
    { as_tensors: [] },
    { as_none: true },
    [{ name: 'x' }],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

describe('damaged ExportedPrograms', () => {
  it('give a graph or a typed error with a pointer, whatever stands in any place', () => {
    let refused = 0;
    const all = paths(document);
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.option(wrong, { nil: undefined }), (index, value) => {
        const damaged = changed(document, all[index]!, () => value);
        try {
          readExportedProgram(damaged, { source: 'm.json' });
        } catch (error) {
          if (!ArfuseError.isInstance(error)) throw error;
          expect(error.place?.file).toBe('m.json');
          expect(error.place?.pointer).toBeDefined();
          refused += 1;
        }
      }),
      { numRuns: 3000, seed: 20261123 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  it('are refused wherever a name is changed', () => {
    for (const path of paths(document).filter(
      (one) => one.at(-1) === 'name' && one[1] === 'graph' && one.includes('as_tensor'),
    )) {
      const damaged = changed(document, path, (old) => `${String(old)}_gone`);
      expect(() => readExportedProgram(damaged), path.join('/')).toThrow(ArfuseError as never);
    }
  });
});
