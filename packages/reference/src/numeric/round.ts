import { type DType, UnsupportedError } from '@arfuse/contract';

/** A binary floating-point format without infinities beyond what `overflow` says. */
export interface FloatFormat {
  /** Explicit significand bits. */
  readonly bits: number;
  /** Exponent of the smallest normal value. */
  readonly minExponent: number;
  readonly maxFinite: number;
  /** What a value beyond the largest becomes: infinity, or the largest (the conversions of the GPU's narrow formats). */
  readonly overflow: 'infinity' | 'saturate';
  /** A format without NaN: the GPU's conversion gives the largest value for it. */
  readonly nan?: 'largest';
}

/** IEEE 754 and OCP 8- and 4-bit formats (OCP OFP8 and MX specifications). E8M0 has a function of its own. */
export const FLOAT_FORMATS: Readonly<Partial<Record<DType, FloatFormat>>> = {
  bf16: { bits: 7, minExponent: -126, maxFinite: 3.3895313892515355e38, overflow: 'infinity' },
  f16: { bits: 10, minExponent: -14, maxFinite: 65504, overflow: 'infinity' },
  f32: { bits: 23, minExponent: -126, maxFinite: 3.4028234663852886e38, overflow: 'infinity' },
  f8e4m3fn: { bits: 3, minExponent: -6, maxFinite: 448, overflow: 'saturate' },
  f8e5m2: { bits: 2, minExponent: -14, maxFinite: 57344, overflow: 'infinity' },
  f4e2m1fnx2: { bits: 1, minExponent: 0, maxFinite: 6, overflow: 'saturate', nan: 'largest' },
};

const INTEGERS: ReadonlySet<DType> = new Set([
  'i8',
  'i16',
  'i32',
  'i64',
  'u8',
  'u16',
  'u32',
  'u64',
]);

const view = new DataView(new ArrayBuffer(8));

/** Exponent e of a finite, non-zero value: 2^e ≤ |x| < 2^(e+1). */
export function exponentOf(x: number): number {
  view.setFloat64(0, x);
  const exponent = (view.getUint16(0) >> 4) & 0x7ff;
  if (exponent !== 0) return exponent - 1023;
  // Subnormal double: scale it up first.
  view.setFloat64(0, x * 2 ** 64);
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1023 - 64;
}

/** Adding and taking away 1.5·2^52 rounds to an integer, ties to even. */
const INTEGER = 1.5 * 2 ** 52;

const powers = new Float64Array(2200);
for (let i = 0; i < powers.length; i += 1) powers[i] = 2 ** (i - 1100);

/** Rounds to nearest, ties to even, once, from double. NaN and infinities stay where the format has them. */
export function roundToFormat(format: FloatFormat, x: number): number {
  if (x === 0) return x;
  if (x !== x) return format.nan === 'largest' ? format.maxFinite : x;
  const magnitude = x < 0 ? -x : x;
  if (magnitude === Number.POSITIVE_INFINITY)
    return format.overflow === 'infinity' ? x : Math.sign(x) * format.maxFinite;
  const exponent = exponentOf(magnitude);
  const quantum = powers[Math.max(exponent, format.minExponent) - format.bits + 1100]!;
  const rounded = (magnitude / quantum + INTEGER - INTEGER) * quantum;
  const bounded =
    rounded <= format.maxFinite
      ? rounded
      : format.overflow === 'infinity'
        ? Number.POSITIVE_INFINITY
        : format.maxFinite;
  return x < 0 ? -bounded : bounded;
}

/**
 * Rounds a value to a dtype: to nearest even for floats (e4m3 and e2m1 saturate, as the GPU's conversions do),
 * up to a power of two for UE8M0, towards zero for integers.
 * @throws UnsupportedError for complex numbers, FNUZ and packed types
 */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case 'f64':
      return x;
    case 'f32':
      return Math.fround(x);
    case 'b8':
      return x !== 0 ? 1 : 0;
    case 'f8e8m0fnu':
      return roundUpToPowerOfTwo(x);
    default: {
      const format = FLOAT_FORMATS[dtype];
      if (format) return roundToFormat(format, x);
      if (INTEGERS.has(dtype)) return Math.trunc(x);
      throw new UnsupportedError({
        message: `the reference cannot round to dtype ${dtype}.`,
        hint: 'It knows IEEE floats, e4m3fn, e5m2, e2m1, UE8M0, integers and booleans.',
        details: { dtype },
      });
    }
  }
}

/** UE8M0: the next power of two at or above a positive value, within 2^-127 … 2^127; NaN for anything else. */
export function roundUpToPowerOfTwo(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return x === 0 ? 2 ** -127 : Number.NaN;
  const exponent = exponentOf(x);
  const up = powers[exponent + 1100] === x ? exponent : exponent + 1;
  return 2 ** Math.min(127, Math.max(-127, up));
}

const word = new Float64Array(1);
const halves = new Uint32Array(word.buffer);
const HIGH = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/**
 * As {@link roundToFormat}, without a call or a division per element: adding and taking away 1.5 · 2^52 quanta rounds to
 * a whole number of them.
 */
function roundAllToFormat(format: FloatFormat, data: Float64Array): void {
  const { bits, minExponent, maxFinite } = format;
  const lowest = minExponent + 1023;
  const highest = exponentOf(maxFinite) + 1023;
  const beyond = format.overflow === 'infinity' ? Number.POSITIVE_INFINITY : maxFinite;
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i]!;
    if (x === 0) continue;
    word[0] = x;
    const exponent = (halves[HIGH]! >>> 20) & 0x7ff;
    if (exponent > highest) {
      data[i] = roundToFormat(format, x);
      continue;
    }
    halves[HIGH] = ((Math.max(exponent, lowest) + 52 - bits) << 20) | 0x80000;
    halves[1 - HIGH] = 0;
    const quanta = word[0]!;
    const rounded = x + quanta - quanta;
    if (rounded > maxFinite) data[i] = beyond;
    else if (rounded < -maxFinite) data[i] = -beyond;
    else data[i] = rounded === 0 && x < 0 ? -0 : rounded;
  }
}

/** Rounds every element in place, as {@link roundTo} does. */
export function roundAll(dtype: DType, data: Float64Array): void {
  if (dtype === 'f64') return;
  const format = FLOAT_FORMATS[dtype];
  if (dtype === 'f32') for (let i = 0; i < data.length; i += 1) data[i] = Math.fround(data[i]!);
  else if (format) roundAllToFormat(format, data);
  else for (let i = 0; i < data.length; i += 1) data[i] = roundTo(dtype, data[i]!);
}
