import { readFileSync } from 'node:fs';
import { ArfuseError, SpecificationVersionError, TableError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_TABLES, parseTable, tableJsonSchemas, vllm033 } from '../src/index.ts';
import { row, table } from './support.ts';

function refusal(value: unknown): ArfuseError {
  try {
    parseTable(value, { file: 't.json' });
  } catch (error) {
    if (ArfuseError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('accepted');
}

/** A deep copy with one member replaced, or removed when `value` is undefined. */
function edited(source: object, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(source);
  let at = copy as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) at = at[part] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

const good = table([row(1, 5.61), row(4, 6.03)]);
const [limits] = [vllm033];

describe('parseTable', () => {
  it.each(BUILT_IN_TABLES.map((one) => [one.name, one] as const))(
    'reads %s back from its JSON',
    (_name, one) => {
      expect(parseTable(JSON.parse(JSON.stringify(one)))).toEqual(one);
    },
  );

  it.each([
    ['no rows', edited(good, ['rows'], []), '/rows'],
    ['an unknown member', edited(good, ['colour'], 1), ''],
    ['an unknown kind', edited(good, ['kind'], 'guess'), '/kind'],
    ['a version that is none', edited(good, ['version'], 'new'), '/version'],
    ['no provenance', edited(good, ['provenance'], undefined), '/provenance'],
    ['a date that is none', edited(good, ['provenance', 'date'], 'yesterday'), '/provenance/date'],
    ['a time of zero', edited(good, ['rows', 1, 'medianUs'], 0), '/rows/1/medianUs'],
    ['a negative time', edited(good, ['rows', 0, 'medianUs'], -1), '/rows/0/medianUs'],
    ['a time as text', edited(good, ['rows', 0, 'medianUs'], '5 us'), '/rows/0/medianUs'],
    ['half a token', edited(good, ['rows', 0, 'tokens'], 0.5), '/rows/0/tokens'],
    ['a wrong itemsize', edited(good, ['rows', 0, 'itemsize'], 4), '/rows/0/itemsize'],
    ['no kernel', edited(good, ['rows', 0, 'kernels'], []), '/rows/0/kernels'],
    [
      'a kernel without a package',
      edited(good, ['rows', 0, 'kernels'], ['fast']),
      '/rows/0/kernels/0',
    ],
    [
      'an unknown pattern',
      edited(good, ['rows', 0, 'key', 'pattern'], 'ar'),
      '/rows/0/key/pattern',
    ],
    ['p10 above the median', edited(good, ['rows', 0, 'p10Us'], 9), '/rows/0/p10Us'],
    ['p90 below the median', edited(good, ['rows', 0, 'p90Us'], 1), '/rows/0/p90Us'],
    ['stored bytes', edited(good, ['rows', 0, 'bytes'], 16384), '/rows/0'],
    ['a limit upside down', edited(limits, ['rows', 0, 'min'], 2 ** 40), '/rows/0/max'],
    [
      'a limit without a citation',
      edited(limits, ['rows', 0, 'citation'], undefined),
      '/rows/0/citation',
    ],
    ['a time in a limits table', edited(limits, ['rows', 0, 'medianUs'], 3), '/rows/0'],
  ])('refuses %s and points at it', (_what, value, pointer) => {
    const error = refusal(value);
    expect(error).toBeInstanceOf(TableError);
    expect(error.place).toEqual({ file: 't.json', pointer });
    expect(error.hint).toBeTruthy();
  });

  it.each([[0], [2], ['1'], [undefined]])('refuses specificationVersion %s', (version) => {
    expect(refusal(edited(good, ['specificationVersion'], version))).toBeInstanceOf(
      SpecificationVersionError,
    );
  });

  it.each([[null], [[]], ['text'], [3]])('refuses %j, which is no object', (value) => {
    expect(refusal(value).code).toBe('ARFUSE_TABLE_INVALID');
  });
});

describe('published JSON Schema', () => {
  it.each(Object.entries(tableJsonSchemas()))('%s is current', (name, schema) => {
    const file = readFileSync(new URL(`../schema/${name}`, import.meta.url), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(schema)));
  });
});
