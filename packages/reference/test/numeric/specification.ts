import type { DType } from '@arfuse/contract';

/** A narrow format as its specification writes it: sign, exponent and significand fields, and what the top codes mean. */
export interface Specification {
  readonly dtype: DType;
  readonly exponentBits: number;
  readonly significandBits: number;
  readonly bias: number;
  /** Codes without the sign bit that are no finite numbers. */
  readonly infinity: number | null;
  readonly isNan: (magnitude: number) => boolean;
  /** What lies beyond the largest finite value. */
  readonly beyond: 'infinity' | 'largest';
}

export const SPECIFICATIONS: readonly Specification[] = [
  {
    dtype: 'bf16',
    exponentBits: 8,
    significandBits: 7,
    bias: 127,
    infinity: 0x7f80,
    isNan: (code) => code > 0x7f80,
    beyond: 'infinity',
  },
  {
    dtype: 'f16',
    exponentBits: 5,
    significandBits: 10,
    bias: 15,
    infinity: 0x7c00,
    isNan: (code) => code > 0x7c00,
    beyond: 'infinity',
  },
  {
    dtype: 'f8e4m3fn',
    exponentBits: 4,
    significandBits: 3,
    bias: 7,
    infinity: null,
    isNan: (code) => code === 0x7f,
    beyond: 'largest',
  },
  {
    dtype: 'f8e5m2',
    exponentBits: 5,
    significandBits: 2,
    bias: 15,
    infinity: 0x7c,
    isNan: (code) => code > 0x7c,
    beyond: 'infinity',
  },
  {
    dtype: 'f4e2m1fnx2',
    exponentBits: 2,
    significandBits: 1,
    bias: 1,
    infinity: null,
    isNan: () => false,
    beyond: 'largest',
  },
];

/** Number of codes without the sign. */
export const magnitudes = (format: Specification): number =>
  2 ** (format.exponentBits + format.significandBits);

/** Value of a finite code without its sign, from the definition: (−1)^s · 2^(e−bias) · 1.m, or 2^(1−bias) · 0.m. */
export function valueOf(format: Specification, magnitude: number): number {
  const exponent = magnitude >> format.significandBits;
  const fraction = (magnitude & (2 ** format.significandBits - 1)) / 2 ** format.significandBits;
  return exponent === 0
    ? fraction * 2 ** (1 - format.bias)
    : (1 + fraction) * 2 ** (exponent - format.bias);
}

/** Finite magnitudes in order: index is code. */
export function finiteValues(format: Specification): number[] {
  const values: number[] = [];
  for (let code = 0; code < magnitudes(format); code += 1) {
    if (code !== format.infinity && !format.isNan(code)) values.push(valueOf(format, code));
  }
  return values;
}

const view = new DataView(new ArrayBuffer(8));

/** The neighbouring double of a positive finite one. */
export function neighbour(x: number, direction: 1 | -1): number {
  view.setFloat64(0, x);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(direction));
  return view.getFloat64(0);
}
