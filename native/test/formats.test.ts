import type { DType } from '@arfuse/contract';
import { fromBits, Random, roundTo } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import type { NativeArithmetic, NativeFormat } from '../src/index.ts';
import { addon, codesOf } from './support.ts';

const WIDTH: Readonly<Record<string, number>> = {
  bf16: 16,
  f16: 16,
  f8e4m3fn: 8,
  f8e5m2: 8,
  f4e2m1fnx2: 4,
};
const FORMATS = Object.keys(WIDTH) as (NativeFormat & DType)[];

/** Values and their codes one by one, so that a failure names both. */
function differences(
  dtype: NativeFormat & DType,
  values: Float32Array,
  { encode }: NativeArithmetic,
): string[] {
  const codes = codesOf(dtype, values.length);
  encode(dtype, values, codes);
  const found: string[] = [];
  values.forEach((value, i) => {
    const expected = roundTo(dtype, value);
    const actual = fromBits(dtype, codes[i]!);
    if (!Object.is(actual, expected) && !(Number.isNaN(actual) && Number.isNaN(expected)))
      found.push(`${value}: ${actual}, not ${expected}`);
  });
  return found;
}

describe.skipIf('missing' in addon)('conversions of the addon', () => {
  const { arithmetic } = (addon as { binding: { arithmetic: NativeArithmetic } }).binding ?? {};

  it.each(FORMATS)('%s: decodes every code as the reference does', (dtype) => {
    const count = 2 ** WIDTH[dtype]!;
    const codes = codesOf(dtype, count).map((_, i) => i);
    const values = new Float32Array(count);
    arithmetic.decode(dtype, codes, values);
    const expected = Float32Array.from(codes, (code) => fromBits(dtype, code));
    expect(values).toEqual(expected);
  });

  it.each(FORMATS)(
    '%s: encodes every code, and every value half-way between two, as the reference does',
    (dtype) => {
      const finite = Array.from({ length: 2 ** WIDTH[dtype]! }, (_, code) => fromBits(dtype, code))
        .filter(Number.isFinite)
        .sort((a, b) => a - b);
      const between = finite.slice(1).flatMap((value, i) => {
        const middle = (value + finite[i]!) / 2;
        const step = Math.abs(middle) * 2 ** -23;
        return [middle, middle - step, middle + step];
      });
      const special = [
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        -0,
        3.4e38,
        -3.4e38,
        1e-45,
      ];
      expect(differences(dtype, Float32Array.of(...finite), arithmetic)).toEqual([]);
      expect(differences(dtype, Float32Array.from(between), arithmetic)).toEqual([]);
      expect(differences(dtype, Float32Array.from(special), arithmetic)).toEqual([]);
    },
  );

  it.each(FORMATS)('%s: encodes random bit patterns as the reference does', (dtype) => {
    const random = new Random(11);
    const words = Uint32Array.from({ length: 200_000 }, () => random.word());
    expect(differences(dtype, new Float32Array(words.buffer), arithmetic)).toEqual([]);
  });

  it('UE8M0: takes the next power of two, of every exponent and of random values', () => {
    const random = new Random(5);
    const powers = Array.from({ length: 277 }, (_, i) => 2 ** (i - 149));
    const near = powers.flatMap((power) => [power, power * (1 + 2 ** -23), power * (1 - 2 ** -24)]);
    const words = Uint32Array.from({ length: 100_000 }, () => random.word());
    for (const values of [
      Float32Array.from(near),
      new Float32Array(words.buffer),
      Float32Array.of(0, -0, Number.NaN, Infinity),
    ])
      expect(differences('f8e8m0fnu', values, arithmetic)).toEqual([]);
  });
});
