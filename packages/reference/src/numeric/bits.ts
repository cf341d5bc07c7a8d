import { type DType, UnsupportedError } from '@arfuse/contract';
import { exponentOf, FLOAT_FORMATS, type FloatFormat } from './round.ts';

interface Layout extends FloatFormat {
  /** Width of the exponent field. */
  readonly exponentBits: number;
  /** How the top codes are used. */
  readonly special: 'ieee' | 'nan-only' | 'none';
}

function layout(dtype: DType, exponentBits: number, special: Layout['special']): Layout {
  return { ...FLOAT_FORMATS[dtype]!, exponentBits, special };
}

const LAYOUTS: Readonly<Partial<Record<DType, Layout>>> = {
  bf16: layout('bf16', 8, 'ieee'),
  f16: layout('f16', 5, 'ieee'),
  f32: layout('f32', 8, 'ieee'),
  f8e4m3fn: layout('f8e4m3fn', 4, 'nan-only'),
  f8e5m2: layout('f8e5m2', 5, 'ieee'),
  f4e2m1fnx2: layout('f4e2m1fnx2', 2, 'none'),
};

function layoutOf(dtype: DType): Layout {
  const found = LAYOUTS[dtype];
  if (found) return found;
  throw new UnsupportedError({
    message: `dtype ${dtype} has no bit layout here.`,
    hint: 'Use a floating-point dtype of 32 bits or less.',
  });
}

/**
 * Value of a code. E8M0 codes are powers of two, 255 is NaN.
 * @throws UnsupportedError for a dtype that is no float of 32 bits or less
 */
export function fromBits(dtype: DType, code: number): number {
  if (dtype === 'f8e8m0fnu') return code === 255 ? Number.NaN : 2 ** (code - 127);
  const { bits, minExponent, exponentBits, special } = layoutOf(dtype);
  const significand = code % 2 ** bits;
  const exponent = Math.floor(code / 2 ** bits) % 2 ** exponentBits;
  const sign = Math.floor(code / 2 ** (bits + exponentBits)) % 2 === 1 ? -1 : 1;
  const top = 2 ** exponentBits - 1;
  if (exponent === top && special === 'ieee')
    return significand === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === top && special === 'nan-only' && significand === 2 ** bits - 1)
    return Number.NaN;
  const magnitude =
    exponent === 0
      ? significand * 2 ** (minExponent - bits)
      : (2 ** bits + significand) * 2 ** (minExponent + exponent - 1 - bits);
  return sign * magnitude;
}

/**
 * Code of a value that is representable in the dtype. NaN gets the canonical quiet NaN without a sign.
 * @throws UnsupportedError for a dtype that is no float of 32 bits or less
 */
export function toBits(dtype: DType, value: number): number {
  if (dtype === 'f8e8m0fnu') return value !== value ? 255 : exponentOf(value) + 127;
  const { bits, minExponent, exponentBits, special } = layoutOf(dtype);
  const top = 2 ** exponentBits - 1;
  const sign = value < 0 || Object.is(value, -0) ? 2 ** (bits + exponentBits) : 0;
  if (value !== value)
    return special === 'nan-only'
      ? top * 2 ** bits + 2 ** bits - 1
      : top * 2 ** bits + 2 ** (bits - 1);
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign + top * 2 ** bits;
  if (magnitude < 2 ** minExponent) return sign + magnitude / 2 ** (minExponent - bits);
  const exponent = exponentOf(magnitude);
  const significand = magnitude / 2 ** (exponent - bits) - 2 ** bits;
  return sign + (exponent - minExponent + 1) * 2 ** bits + significand;
}

/**
 * Representable values between two representable values, in order: 0 for equal ones, +0 and -0, and NaN against
 * NaN; infinite when one is NaN.
 */
export function ulpDistance(dtype: DType, a: number, b: number): number {
  if (a === b || (a !== a && b !== b)) return 0;
  if (a !== a || b !== b) return Number.POSITIVE_INFINITY;
  const order = (value: number): number => {
    const code = toBits(dtype, Math.abs(value));
    return value < 0 ? -code : code;
  };
  return Math.abs(order(a) - order(b));
}
