import { ArfuseError, type MeasuredRow } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import {
  BUILT_IN_TABLES,
  requireValidTable,
  validateTable,
  vllm033,
  wireBoundUs,
  wireBytes,
} from '../src/index.ts';
import { key, ONE_SHOT, row, TWO_SHOT, table } from './support.ts';

const MiB = 2 ** 20;

describe('wire bounds', () => {
  it.each([
    ['one-shot', 2, 1],
    ['one-shot', 4, 3],
    ['one-shot', 8, 7],
    ['two-shot', 2, 1],
    ['two-shot', 4, 1.5],
    ['two-shot', 8, 1.75],
    ['nvls', 2, 1.5],
    ['nvls', 4, 1.25],
    ['nvls', 8, 1.125],
    ['fp8-two-shot', 8, 0.875],
  ] as const)('%s over %d ranks moves %d times the message', (algorithm, ranks, factor) => {
    expect(wireBytes(algorithm, MiB, ranks, 2)).toBe(factor * MiB);
  });

  it.each([
    [2, 1, 2.33],
    [4, 3, 6.99],
    [8, 7, 16.3],
  ])('1 MiB one-shot over %d ranks at 450 GB/s', (ranks, _f, us) => {
    expect(wireBoundUs(ONE_SHOT[0]!, { ...key, groupSize: ranks }, MiB, 2)).toBeCloseTo(us, 1);
  });
});

describe('validateTable', () => {
  it.each(BUILT_IN_TABLES.map((one) => [one.name, one] as const))(
    'finds no error in %s',
    (_name, one) => {
      expect(validateTable(one).errors).toEqual([]);
      expect(() => requireValidTable(one)).not.toThrow();
    },
  );

  it('finds the rows of the H200 table that fall with size: two-shot at 4 and NCCL nowhere', () => {
    const { warnings } = validateTable(BUILT_IN_TABLES[0]!);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('40.7 us at 4 tokens is more than 18.2 us at 16'),
      expect.stringContaining('18.2 us at 16 tokens is more than 16.75 us at 32'),
    ]);
  });

  const eight = { ...key, sku: 'b200', capability: 100, groupSize: 8 };
  const at8 = (tokens: number, us: number, kernels: readonly string[]): MeasuredRow =>
    row(tokens, us, { key: eight, kernels });

  it('flags a two-shot of 0.297 ms at 8 MiB between faster neighbours', () => {
    const rows = [at8(256, 60, TWO_SHOT), at8(512, 297, TWO_SHOT), at8(1024, 150, TWO_SHOT)];
    expect(validateTable(table(rows)).warnings).toEqual([
      expect.objectContaining({
        row: 1,
        code: 'not-monotone',
        message: expect.stringContaining('297 us at 512 tokens'),
      }),
    ]);
  });

  it('flags a one-shot/two-shot crossover that no latency explains', () => {
    const four = { ...key, groupSize: 4 };
    const pair = (kernels: readonly string[], times: readonly number[]) =>
      times.map((us, i) => row(16 * 4 ** i, us, { key: four, kernels }));
    // Crossing near 16 MiB would need some 70 us of extra latency.
    const odd = table([...pair(ONE_SHOT, [6, 10, 30, 115]), ...pair(TWO_SHOT, [40, 50, 70, 100])]);
    expect(validateTable(odd).warnings).toEqual([
      expect.objectContaining({ code: 'crossover', row: 7 }),
    ]);
    const usual = table([...pair(ONE_SHOT, [5, 9, 30, 115]), ...pair(TWO_SHOT, [6.6, 8, 20, 70])]);
    expect(validateTable(usual).warnings).toEqual([]);
  });

  it('does not ask for a crossover from groups of two', () => {
    const rows = [
      row(16, 6),
      row(256, 120),
      row(16, 40, { kernels: TWO_SHOT }),
      row(256, 90, { kernels: TWO_SHOT }),
    ];
    expect(validateTable(table(rows)).warnings).toEqual([]);
  });

  it.each([
    ['below the wire bound', [row(2048, 74)], 'below-wire-bound'],
    ['given in milliseconds', [row(128, 0.0117)], 'unit'],
    ['given in nanoseconds', [row(1, 11_700_000)], 'unit'],
    ['twice', [row(1, 5), row(4, 6), row(1, 5.1)], 'duplicate'],
  ])('refuses a row %s', (_what, rows, code) => {
    const one = table(rows);
    expect(validateTable(one).errors.map((finding) => finding.code)).toEqual([code]);
    let thrown: unknown;
    try {
      requireValidTable(one);
    } catch (error) {
      thrown = error;
    }
    expect(ArfuseError.isInstance(thrown) && thrown.code).toBe('ARFUSE_TABLE_INVALID');
    expect(ArfuseError.isInstance(thrown) && thrown.place).toEqual({
      pointer: `/rows/${rows.length - 1}`,
    });
  });

  it('accepts just above the wire bound, and a norm alone below any exchange', () => {
    expect(validateTable(table([row(2048, 74.6)])).errors).toEqual([]);
    const norm = row(1, 0.9, {
      key: { ...key, pattern: 'add_rms' },
      kernels: ['@arfuse/native/norm'],
    });
    expect(validateTable(table([norm])).errors).toEqual([]);
  });

  it('refuses the same limit twice', () => {
    const twice = { ...vllm033, rows: [...vllm033.rows, vllm033.rows[0]!] };
    expect(validateTable(twice).errors).toEqual([
      expect.objectContaining({ row: vllm033.rows.length, code: 'duplicate' }),
    ]);
  });
});
