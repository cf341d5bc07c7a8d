import { expect, it } from 'vitest';
import { activationRows, Random, ROW_KINDS, roundTo, rowKind, vector } from '../src/index.ts';

it('gives the same words on every platform', () => {
  const random = new Random(42);
  expect(Array.from({ length: 4 }, () => random.word())).toEqual([
    551831576, 144025891, 322543647, 3034809370,
  ]);
});

it('gives equal rows for equal seeds, others for other labels', () => {
  const rows = (label: string): number[] => [
    ...activationRows('bf16', 8, 16, new Random(1).fork(label), true).data,
  ];
  expect(rows('a')).toEqual(rows('a'));
  expect(rows('a')).not.toEqual(rows('b'));
});

it('takes all kinds of rows in turn, in values of the dtype', () => {
  const hidden = 32;
  const { data } = activationRows('f16', ROW_KINDS.length, hidden, new Random(3), true);
  ROW_KINDS.forEach((kind, row) => {
    expect(rowKind(row)).toBe(kind);
    const values = [...data.subarray(row * hidden, (row + 1) * hidden)];
    expect(values.every((value) => Object.is(value, roundTo('f16', value)))).toBe(true);
    const finite = values.filter(Number.isFinite);
    const largest = Math.max(...finite.map(Math.abs));
    if (kind === 'zero') expect(values.every((value) => Object.is(value, 0))).toBe(true);
    else if (kind === 'negative zero')
      expect(values.every((value) => Object.is(value, -0))).toBe(true);
    else if (kind === 'tiny') expect(largest).toBeLessThan(2 ** -14);
    else if (kind === 'large') expect(largest).toBeGreaterThan(64);
    else expect(largest).toBeLessThan(4);
    expect(values.filter(Number.isNaN).length).toBe(kind === 'nan' ? 1 : 0);
    expect(values.filter((value) => Math.abs(value) === Number.POSITIVE_INFINITY).length).toBe(
      kind === 'infinity' ? 1 : 0,
    );
  });
});

it('is near normal: mean 0 and variance 1', () => {
  const random = new Random(9);
  const values = Array.from({ length: 20000 }, () => random.normal());
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.03);
});

it('puts weights around their mean', () => {
  const { data } = vector('bf16', 256, new Random(5), 1);
  expect(Math.min(...data)).toBeGreaterThan(0);
  expect(Math.max(...data)).toBeLessThan(2);
});
