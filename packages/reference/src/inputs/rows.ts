import type { DType } from '@arfuse/contract';
import { roundTo } from '../numeric/round.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { Random } from './random.ts';

/** What a row of test data looks like. */
export type RowKind = 'random' | 'large' | 'tiny' | 'zero' | 'negative zero' | 'infinity' | 'nan';

/** Kinds by row: the first row is random, then all kinds in turn. */
export const ROW_KINDS: readonly RowKind[] = [
  'random',
  'large',
  'tiny',
  'zero',
  'infinity',
  'nan',
  'negative zero',
];

/** Kind of a row. */
export function rowKind(row: number): RowKind {
  return ROW_KINDS[row % ROW_KINDS.length]!;
}

/** Magnitude of large rows: squares stay far from the overflow of float32, sums from that of float16. */
const LARGE: Readonly<Partial<Record<DType, number>>> = { f16: 64, bf16: 2 ** 40, f32: 2 ** 40 };
const TINY: Readonly<Partial<Record<DType, number>>> = {
  f16: 2 ** -20,
  bf16: 2 ** -60,
  f32: 2 ** -60,
};

/**
 * Activations `[rows, hidden]` whose rows take all kinds in turn. An infinity or NaN stands at one place of its row, on
 * every rank that asks with `special`.
 */
export function activationRows(
  dtype: DType,
  rows: number,
  hidden: number,
  seed: Random,
  special: boolean,
): RefTensor {
  const data = new Float64Array(rows * hidden);
  for (let row = 0; row < rows; row += 1) {
    const kind = rowKind(row);
    const gain = kind === 'large' ? (LARGE[dtype] ?? 1) : kind === 'tiny' ? (TINY[dtype] ?? 1) : 1;
    for (let i = 0; i < hidden; i += 1) {
      const value = seed.normal();
      data[row * hidden + i] =
        kind === 'zero' ? 0 : kind === 'negative zero' ? -0 : roundTo(dtype, value * gain);
    }
    if (!special) continue;
    if (kind === 'infinity') data[row * hidden + (row % hidden)] = Number.POSITIVE_INFINITY;
    if (kind === 'nan') data[row * hidden + (row % hidden)] = Number.NaN;
  }
  return { dtype, shape: [rows, hidden], data };
}

/** A weight or bias `[hidden]` around 1 or 0. */
export function vector(dtype: DType, hidden: number, seed: Random, mean: number): RefTensor {
  const data = new Float64Array(hidden);
  for (let i = 0; i < hidden; i += 1) data[i] = roundTo(dtype, mean + 0.25 * seed.normal());
  return { dtype, shape: [hidden], data };
}

/** A scalar tensor. */
export function scalar(dtype: DType, value: number): RefTensor {
  return { dtype, shape: [1], data: Float64Array.of(roundTo(dtype, value)) };
}
