import type { DType } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { fromBits, roundTo, toBits, ulpDistance } from '../../src/index.ts';

/** Bits of a code, and whether the largest finite value holds what lies beyond it. */
const FORMATS: readonly { dtype: DType; bits: number; saturates: boolean; max: number }[] = [
  { dtype: 'bf16', bits: 16, saturates: false, max: 3.3895313892515355e38 },
  { dtype: 'f16', bits: 16, saturates: false, max: 65504 },
  { dtype: 'f8e4m3fn', bits: 8, saturates: true, max: 448 },
  { dtype: 'f8e5m2', bits: 8, saturates: false, max: 57344 },
  { dtype: 'f4e2m1fnx2', bits: 4, saturates: true, max: 6 },
];

const codes = (bits: number): number[] => Array.from({ length: 2 ** bits }, (_, code) => code);

/** Non-negative finite values in ascending order, with their codes. */
function ladder(dtype: DType, bits: number): { code: number; value: number }[] {
  return codes(bits - 1)
    .map((code) => ({ code, value: fromBits(dtype, code) }))
    .filter(({ value }) => Number.isFinite(value));
}

describe.each(FORMATS)('$dtype', ({ dtype, bits, saturates, max }) => {
  it('gives back every pattern, and every value to itself', () => {
    const wrong: number[] = [];
    for (const code of codes(bits)) {
      const value = fromBits(dtype, code);
      const kept = Number.isNaN(value)
        ? Number.isNaN(fromBits(dtype, toBits(dtype, value))) && Number.isNaN(roundTo(dtype, value))
        : toBits(dtype, value) === code &&
          (Object.is(roundTo(dtype, value), value) || (saturates && !Number.isFinite(value)));
      if (!kept) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });

  it('ascends with the code, up to the largest finite value', () => {
    const values = ladder(dtype, bits).map(({ value }) => value);
    expect(values.every((value, i) => i === 0 || value > values[i - 1]!)).toBe(true);
    expect(values.at(-1)).toBe(max);
  });

  it('takes the midpoint of neighbours to the even code, and what lies beside it to the nearer one', () => {
    const values = ladder(dtype, bits);
    const wrong: string[] = [];
    const expectRound = (x: number, wanted: number): void => {
      for (const sign of [1, -1]) {
        const found = roundTo(dtype, sign * x);
        if (!Object.is(found, sign * wanted))
          wrong.push(`${sign * x} → ${found}, not ${sign * wanted}`);
      }
    };
    for (let i = 1; i < values.length; i += 1) {
      const [low, high] = [values[i - 1]!, values[i]!];
      // Exact: neighbours differ by one unit, and a double has far more bits.
      const middle = (low.value + high.value) / 2;
      const nudge = (high.value - low.value) * 2 ** -20;
      expectRound(middle, low.code % 2 === 0 ? low.value : high.value);
      expectRound(middle - nudge, low.value);
      expectRound(middle + nudge, high.value);
    }
    expect(wrong).toEqual([]);
  });

  it(
    saturates ? 'saturates beyond the largest value' : 'overflows to infinity from the midpoint on',
    () => {
      const values = ladder(dtype, bits);
      const gap = max - values.at(-2)!.value;
      const beyond = saturates ? max : Number.POSITIVE_INFINITY;
      expect(roundTo(dtype, max + gap / 2)).toBe(beyond);
      expect(roundTo(dtype, -(max + gap / 2))).toBe(-beyond);
      expect(roundTo(dtype, max + gap / 2 - gap * 2 ** -20)).toBe(max);
      expect(roundTo(dtype, Number.POSITIVE_INFINITY)).toBe(beyond);
      expect(roundTo(dtype, Number.NEGATIVE_INFINITY)).toBe(-beyond);
      // e2m1 has no NaN: the GPU's conversion gives +6.
      if (dtype === 'f4e2m1fnx2') expect(roundTo(dtype, Number.NaN)).toBe(6);
      else expect(roundTo(dtype, Number.NaN)).toBeNaN();
    },
  );

  it('counts ULP as steps of the ladder, through zero', () => {
    const values = ladder(dtype, bits);
    const [first, second] = [values[1]!.value, values[2]!.value];
    expect(ulpDistance(dtype, first, second)).toBe(1);
    expect(ulpDistance(dtype, -first, second)).toBe(3);
    expect(ulpDistance(dtype, 0, -0)).toBe(0);
    expect(ulpDistance(dtype, values[0]!.value, max)).toBe(values.length - 1);
    expect(ulpDistance(dtype, Number.NaN, Number.NaN)).toBe(0);
    expect(ulpDistance(dtype, Number.NaN, 1)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('f32', () => {
  it('agrees with Math.fround on values and with the bits of a DataView', () => {
    const view = new DataView(new ArrayBuffer(4));
    const wrong: number[] = [];
    for (let i = 0; i < 65536; i += 1) {
      const code = (i * 65521 + (i << 16)) >>> 0;
      view.setUint32(0, code);
      const value = view.getFloat32(0);
      if (Number.isNaN(value)) continue;
      if (!Object.is(fromBits('f32', code), value) || toBits('f32', value) !== code)
        wrong.push(code);
    }
    expect(wrong).toEqual([]);
    expect(roundTo('f32', 1 + 2 ** -24)).toBe(1);
    expect(roundTo('f32', 3.4028235677973366e38)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('UE8M0', () => {
  it('gives back every code', () => {
    const wrong = codes(8).filter((code) => {
      const value = fromBits('f8e8m0fnu', code);
      return code === 255
        ? !Number.isNaN(value)
        : toBits('f8e8m0fnu', value) !== code || roundTo('f8e8m0fnu', value) !== value;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds up to the next power of two by raising the exponent', () => {
    for (let exponent = -126; exponent < 127; exponent += 1) {
      expect(roundTo('f8e8m0fnu', 2 ** exponent * (1 + 2 ** -23))).toBe(2 ** (exponent + 1));
      expect(roundTo('f8e8m0fnu', 2 ** exponent * (2 - 2 ** -23))).toBe(2 ** (exponent + 1));
    }
    expect(roundTo('f8e8m0fnu', 0)).toBe(2 ** -127);
    expect(roundTo('f8e8m0fnu', Number.NaN)).toBeNaN();
    expect(roundTo('f8e8m0fnu', Number.POSITIVE_INFINITY)).toBeNaN();
  });
});

it('rounds a double once: not through float32', () => {
  const beside = 1 + 2 ** -8 + 2 ** -40;
  expect(roundTo('bf16', beside)).toBe(1 + 2 ** -7);
  expect(roundTo('bf16', Math.fround(beside))).toBe(1);
});

it('refuses a dtype that it cannot round to', () => {
  expect(() => roundTo('f8e4m3fnuz', 1)).toThrow(/f8e4m3fnuz/);
  expect(() => fromBits('c64', 1)).toThrow(/c64/);
});
