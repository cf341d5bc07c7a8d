import {
  type Codes,
  type CodesKind,
  type CodesSpec,
  makeCodes,
  STREAMS,
} from '@arfuse/conformance';
import type { IoDType } from '@arfuse/contract';
import { fromBits } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';

const HIDDEN = 256;
const ROWS = 64;

const spec = (dtype: IoDType, kind: CodesKind, change: Partial<CodesSpec> = {}): CodesSpec => ({
  dtype,
  kind,
  seed: 3,
  stream: STREAMS.partial(0, 0),
  hidden: HIDDEN,
  row: 0,
  rows: ROWS,
  ...change,
});
const values = (given: CodesSpec) =>
  [...makeCodes(given)].map((code) => fromBits(given.dtype, code));

const equal = (a: Codes, b: Codes) =>
  a.length === b.length && a.every((code: number, i: number) => code === b[i]);

describe.each(['bf16', 'f16', 'f32'] as const)('made-up codes of %s', (dtype) => {
  it('are a function of seed, stream and place', () => {
    const whole = makeCodes(spec(dtype, 'special'));
    expect(equal(makeCodes(spec(dtype, 'special')), whole)).toBe(true);
    const part = makeCodes(spec(dtype, 'special', { row: 17, rows: 9 }));
    expect(equal(part, whole.slice(17 * HIDDEN, 26 * HIDDEN))).toBe(true);
    for (const change of [{ seed: 4 }, { stream: STREAMS.partial(1, 0) }]) {
      const other = makeCodes(spec(dtype, 'usual', change));
      const same = other.filter((code, i) => code === whole[i]).length;
      expect(same).toBeLessThan(whole.length / 4);
    }
  });

  it('have finite values of every sort, and each row kind', () => {
    const made = values(spec(dtype, 'usual'));
    expect(made.every(Number.isFinite)).toBe(true);
    expect(made.filter((value) => Object.is(value, -0)).length).toBeGreaterThan(50);
    const least = dtype === 'f16' ? 2 ** -14 : 2 ** -126;
    expect(made.some((value) => value !== 0 && Math.abs(value) < least)).toBe(true);
    expect(made.some((value) => value < 0)).toBe(true);
    const largest = Array.from({ length: ROWS }, (_, row) =>
      Math.max(...made.slice(row * HIDDEN, (row + 1) * HIDDEN).map(Math.abs)),
    );
    expect(largest.filter((value) => value === 0).length).toBeGreaterThan(2);
    expect(largest.filter((value) => value > 100).length).toBeGreaterThan(1);
    expect(largest.filter((value) => value > 0 && value < 0.1).length).toBeGreaterThan(1);
    expect(largest[0]).toBeGreaterThan(0);
  });

  it('put a NaN or infinities into the rows of some ranks', () => {
    const of = (rank: number) =>
      values(spec(dtype, 'special', { stream: STREAMS.partial(rank, 0) }));
    const [first, second, third] = [of(0), of(1), of(2)];
    expect(third.every(Number.isFinite)).toBe(true);
    const sums = first.map((value, i) => value + second[i]!);
    expect(sums.filter(Number.isNaN).length).toBeGreaterThan(10);
    expect(sums.filter((value) => value === Number.POSITIVE_INFINITY).length).toBeGreaterThan(5);
    expect(first.some((v, i) => v === Number.POSITIVE_INFINITY && second[i] === -v)).toBe(true);
  });

  it('add up exactly as integers', () => {
    const made = values(spec(dtype, 'integers'));
    expect(made.every((value) => Number.isInteger(value) && Math.abs(value) <= 15)).toBe(true);
    expect(new Set(made.map(Math.abs)).size).toBe(16);
  });
});
