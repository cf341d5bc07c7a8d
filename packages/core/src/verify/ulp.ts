import type { DType } from '@arfuse/contract';
import { exponentOf } from '@arfuse/reference';

/** Explicit significand bits and smallest normal exponent of the floating-point dtypes. */
const FORMATS: Readonly<Partial<Record<DType, readonly [bits: number, minExponent: number]>>> = {
  bf16: [7, -126],
  f16: [10, -14],
  f32: [23, -126],
  f64: [52, -1022],
  f8e4m3fn: [3, -6],
  f8e5m2: [2, -14],
  f4e2m1fnx2: [1, 0],
  f8e8m0fnu: [0, -127],
};

/** Powers of two from the smallest subnormal of float64. */
const LEAST = -1074;
const POWERS = Float64Array.from({ length: 1024 - LEAST }, (_, i) => 2 ** (LEAST + i));

/** Size of one unit in the last place of `dtype` at a finite value. */
export function ulpAt(dtype: DType, value: number): number {
  const [bits, minExponent] = FORMATS[dtype] ?? [52, -1022];
  const exponent = value === 0 ? minExponent : Math.max(minExponent, exponentOf(value));
  return POWERS[exponent - bits - LEAST]!;
}

/** Distance in ULP of `dtype`; 0 for equal values and for NaN against NaN, infinite when only one is finite. */
export function ulpsBetween(dtype: DType, expected: number, found: number): number {
  if (expected === found || (Number.isNaN(expected) && Number.isNaN(found))) return 0;
  if (!Number.isFinite(expected) || !Number.isFinite(found)) return Number.POSITIVE_INFINITY;
  return Math.abs(found - expected) / ulpAt(dtype, expected);
}
