import { describe, expect, it } from 'vitest';
import { exponentOf, fromBits, roundAll, roundTo, toBits } from '../../src/index.ts';
import { finiteValues, magnitudes, neighbour, SPECIFICATIONS, valueOf } from './specification.ts';

/** Values that differ, in words; one list beats 65536 assertions. */
const mismatch = (what: string, found: number, expected: number): string[] =>
  Object.is(found, expected) ? [] : [`${what} is ${found}, not ${expected}`];

describe.each(SPECIFICATIONS)('$dtype by its definition', (format) => {
  const { dtype } = format;
  const count = magnitudes(format);

  it('gives every code its value and every value its code', () => {
    const wrong: string[] = [];
    for (let code = 0; code < 2 * count; code += 1) {
      const magnitude = code % count;
      const found = fromBits(dtype, code);
      if (format.isNan(magnitude)) {
        if (found === found || !format.isNan(toBits(dtype, found)))
          wrong.push(`NaN code ${code} is ${found}`);
        continue;
      }
      const value =
        (code >= count ? -1 : 1) *
        (magnitude === format.infinity ? Number.POSITIVE_INFINITY : valueOf(format, magnitude));
      wrong.push(
        ...mismatch(`value of ${code}`, found, value),
        ...mismatch(`code of ${value}`, toBits(dtype, value), code),
      );
    }
    expect(wrong).toEqual([]);
  });

  it('rounds the neighbouring doubles of every midpoint apart, and arrays as numbers', () => {
    const values = finiteValues(format);
    const wrong: string[] = [];
    const inputs: number[] = [
      0,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.MIN_VALUE,
      Number.MAX_VALUE,
      2 ** -149,
      -1e-42,
      1e-300,
    ];
    for (let code = 0; code + 1 < values.length; code += 1) {
      const [below, above] = [values[code]!, values[code + 1]!];
      const middle = (below + above) / 2;
      const expected = [below, code % 2 === 0 ? below : above, above];
      for (const sign of [1, -1]) {
        [neighbour(middle, -1), middle, neighbour(middle, 1)].forEach((x, i) => {
          inputs.push(sign * x);
          wrong.push(
            ...mismatch(`${sign * x} rounded`, roundTo(dtype, sign * x), sign * expected[i]!),
          );
        });
      }
    }
    const rounded = Float64Array.from(inputs);
    roundAll(dtype, rounded);
    for (let i = 0; i < inputs.length; i += 1)
      wrong.push(...mismatch(`element ${inputs[i]}`, rounded[i]!, roundTo(dtype, inputs[i]!)));
    expect(wrong).toEqual([]);
  });
});

it('finds the exponent of every double, subnormals too', () => {
  for (let exponent = -1074; exponent <= 1023; exponent += 1) {
    expect(exponentOf(2 ** exponent)).toBe(exponent);
    if (exponent > -1074) expect(exponentOf(neighbour(2 ** exponent, -1))).toBe(exponent - 1);
  }
});

it('rounds f32, f64, integers and booleans in arrays', () => {
  const inputs = [1 + 2 ** -24, 2 ** -150, -0, Number.NaN, -1.9, 3.4028235677973366e38];
  const all = (dtype: 'f32' | 'f64' | 'i32' | 'b8'): number[] => {
    const data = Float64Array.from(inputs);
    roundAll(dtype, data);
    return [...data];
  };
  expect(all('f64')).toEqual(inputs);
  expect(all('f32')).toEqual([1, 0, -0, Number.NaN, Math.fround(-1.9), Number.POSITIVE_INFINITY]);
  expect(all('i32').slice(4, 5)).toEqual([-1]);
  expect(all('b8').slice(0, 3)).toEqual([1, 1, 0]);
});
