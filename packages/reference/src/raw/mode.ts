import type { DType } from '@arfuse/contract';
import { roundTo } from '../numeric/round.ts';
import { castTo } from './cast.ts';

/** `dtype`: compute and round as PyTorch does. `real`: float64 without rounding. */
export type RawMode = 'dtype' | 'real';

/** Arithmetic of one mode. */
export interface Arithmetic {
  readonly mode: RawMode;
  /** Type in which an op on `dtype` computes: 16-bit floats compute in float32. */
  compute(dtype: DType, x: number): number;
  /** Casts a result to its dtype as PyTorch does. */
  store(dtype: DType, x: number): number;
  /** Rounds as the GPU's quantisers do: beyond the largest value they saturate, and UE8M0 goes up. */
  saturate(dtype: DType, x: number): number;
}

const FLOATS: ReadonlySet<DType> = new Set([
  'bf16',
  'f16',
  'f32',
  'f64',
  'f8e4m3fn',
  'f8e5m2',
  'f4e2m1fnx2',
  'f8e8m0fnu',
]);

export function isFloat(dtype: DType): boolean {
  return FLOATS.has(dtype);
}

export const DTYPE_ARITHMETIC: Arithmetic = {
  mode: 'dtype',
  // Called per element: the common types first, without a look-up.
  compute: (dtype, x) =>
    dtype === 'f32' || dtype === 'bf16' || (dtype !== 'f64' && isFloat(dtype)) ? Math.fround(x) : x,
  store: castTo,
  saturate: roundTo,
};

export const REAL_ARITHMETIC: Arithmetic = {
  mode: 'real',
  compute: (_, x) => x,
  store: (dtype, x) =>
    dtype === 'f32' || dtype === 'bf16' || isFloat(dtype) ? x : castTo(dtype, x),
  saturate: (_, x) => x,
};
