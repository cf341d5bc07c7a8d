import type { MeasuredRow, MeasuredTable } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { h200Sxm2x, tableModels, vllm033, vllmAllReduceH100 } from '../src/index.ts';

const of = (table: MeasuredTable, pattern: string, kernel: string) =>
  tableModels([table]).find(({ key, kernels }) => key.pattern === pattern && kernels[0] === kernel);

describe('tableModels', () => {
  it('fits each kernel list per GPU and group size, and none of a table of limits', () => {
    const models = tableModels([h200Sxm2x, vllmAllReduceH100, vllm033]);
    expect(new Set(models.map(({ table }) => table))).toEqual(
      new Set([h200Sxm2x.name, vllmAllReduceH100.name]),
    );
    const nccl = models.filter(
      ({ table, kernels }) =>
        table === vllmAllReduceH100.name && kernels[0] === '@arfuse/nccl/all-reduce',
    );
    expect(nccl.map(({ key, points }) => [key.groupSize, points])).toEqual([
      [4, 4],
      [6, 4],
      [8, 8],
    ]);
  });

  it('says that a model of 25 percent error and more decides nothing', () => {
    const norm = of(h200Sxm2x, 'add_rms', '@arfuse/native/norm')!;
    expect(norm.error).toBeCloseTo(0.257, 3);
    expect(norm.decides).toBe(false);
    expect(of(h200Sxm2x, 'ar_add_rms', '@arfuse/flashinfer/one-shot')!.decides).toBe(true);
  });

  it('recovers the line that rows were made from, without error', () => {
    const [first] = h200Sxm2x.rows;
    const rows = [1, 4, 16, 64, 256].map(
      (tokens): MeasuredRow => ({
        ...first!,
        tokens,
        medianUs: 5 + (2 * tokens * first!.hidden * first!.itemsize) / 2 ** 20,
      }),
    );
    const [model] = tableModels([{ ...h200Sxm2x, rows }]);
    expect(model!.latencyUs).toBeCloseTo(5, 6);
    expect(model!.perByteUs * 2 ** 20).toBeCloseTo(2, 6);
    expect(model!.error).toBeLessThan(1e-6);
  });

  it('leaves out lists with fewer than four rows, and variants', () => {
    const rows = h200Sxm2x.rows.slice(0, 3);
    expect(tableModels([{ ...h200Sxm2x, rows }])).toEqual([]);
    const variants = h200Sxm2x.rows.slice(0, 8).map((row) => ({ ...row, variant: 'pdl' }));
    expect(tableModels([{ ...h200Sxm2x, rows: variants }])).toEqual([]);
  });
});
