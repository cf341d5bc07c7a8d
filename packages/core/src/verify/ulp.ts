import type { DType } from '@arfuse/contract';

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

/** Size of one unit in the last place of `dtype` at a finite value. */
export function ulpAt(dtype: DType, value: number): number {
  const [bits, minExponent] = FORMATS[dtype] ?? [52, -1022];
  const magnitude = Math.abs(value);
  let exponent =
    magnitude === 0 ? minExponent : Math.max(minExponent, Math.floor(Math.log2(magnitude)));
  // log2 may round up to the next integer just below a power of two.
  if (magnitude !== 0 && 2 ** exponent > magnitude && exponent > minExponent) exponent -= 1;
  return 2 ** (exponent - bits);
}

/** Distance in ULP of `dtype`; 0 for equal values and for NaN against NaN, infinite when only one is finite. */
export function ulpsBetween(dtype: DType, expected: number, found: number): number {
  if (expected === found || (Number.isNaN(expected) && Number.isNaN(found))) return 0;
  if (!Number.isFinite(expected) || !Number.isFinite(found)) return Number.POSITIVE_INFINITY;
  return Math.abs(found - expected) / ulpAt(dtype, expected);
}
