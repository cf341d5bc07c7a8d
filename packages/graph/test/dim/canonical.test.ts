import { GraphError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyOp } from '../../src/dim/substitute.ts';
import {
  add,
  constant,
  type Dim,
  dimEquals,
  dimKey,
  evaluateDim,
  float,
  floordiv,
  fn,
  min,
  mod,
  mul,
  pow,
  substitute,
  sym,
  symbolsOf,
} from '../../src/index.ts';
import { assignments, build, dims, evaluate, trees } from './arbitrary.ts';

const [s, t] = [sym('s'), sym('t')];
const same = (a: Dim, b: Dim): void => expect(dimKey(a)).toBe(dimKey(b));

describe('canonical form', () => {
  it('has the value of the expression as it was written', () => {
    fc.assert(
      fc.property(trees, assignments, (tree, values) => {
        expect(BigInt(evaluateDim(build(tree), values) ?? 'undefined')).toBe(
          evaluate(tree, values),
        );
      }),
      { numRuns: 1500 },
    );
  });

  it('does not depend on the order or the grouping of operands', () => {
    fc.assert(
      fc.property(fc.constantFrom('add', 'mul', 'min', 'max'), dims, dims, dims, (op, a, b, c) => {
        const all = dimKey(applyOp(op, [a, b, c]));
        expect(dimKey(applyOp(op, [c, b, a]))).toBe(all);
        expect(dimKey(applyOp(op, [applyOp(op, [a, b]), c]))).toBe(all);
        expect(dimKey(applyOp(op, [a, applyOp(op, [b, c])]))).toBe(all);
      }),
      { numRuns: 1500 },
    );
  });

  it('does not change when it is built again from its parts', () => {
    fc.assert(
      fc.property(dims, (dim) => {
        expect(substitute(dim, () => undefined)).toEqual(dim);
      }),
      { numRuns: 1500 },
    );
  });

  it('cancels a difference with itself', () => {
    fc.assert(
      fc.property(dims, (dim) => {
        expect(add(dim, mul(-1, dim))).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a constant out of a product of sums, and distributes it over a lone sum', () => {
    same(mul(2, add(s, 1)), add(mul(2, s), 2));
    same(mul(add(mul(2, s), 2), t), mul(2, t, add(s, 1)));
    same(mul(add(s, mul(-1, t)), s), mul(-1, add(t, mul(-1, s)), s));
    same(pow(add(mul(2, s), 2), 2), mul(4, add(s, 1), add(1, s)));
  });

  it('divides what is a multiple, and nothing else', () => {
    same(floordiv(mul(8, s), 8), s);
    same(floordiv(add(mul(8, s), 16), -8), add(mul(-1, s), -2));
    expect(mod(add(mul(8, s), 16), 8)).toBe(0);
    expect(floordiv(-7, 2)).toBe(-4);
    expect(mod(-7, 3)).toBe(2);
    expect(mod(7, -3)).toBe(-2);
    expect(floordiv(add(mul(8, s), 4), 8)).toMatchObject({ op: 'floordiv' });
    // 8 * 0.5 / 8 rounds down to 0, not to 0.5.
    expect(floordiv(mul(8, float('0.5')), 8)).toMatchObject({ op: 'floordiv' });
    expect(floordiv(mul(8, pow(s, -1)), 8)).toMatchObject({ op: 'floordiv' });
    expect(mod(mul(2, fn('IntTrueDiv', s, 2)), 2)).toMatchObject({ op: 'mod' });
  });

  it('leaves a division by zero as it is', () => {
    expect(evaluateDim(floordiv(s, t), { s: 1, t: 0 })).toBeUndefined();
    expect(evaluateDim(mod(s, t), { s: 1, t: 0 })).toBeUndefined();
  });

  it('folds constants beyond 2^53 exactly, and huge powers not at all', () => {
    expect(mul(2 ** 30, 2 ** 30)).toBe(2n ** 60n);
    expect(constant(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(constant(2 ** 60)).toBe(2n ** 60n);
    expect(Object.is(constant(-0), 0)).toBe(true);
    expect(pow(-3, 3)).toBe(-27);
    expect(pow(10, 3000)).toBe(10n ** 3000n);
    expect(pow(9, 100_000)).toMatchObject({ op: 'pow' });
    expect(pow(s, -1)).toMatchObject({ op: 'pow' });
  });

  it('refuses a plain number that is no integer', () => {
    expect(() => add(0.5, s)).toThrow(GraphError);
    expect(() => evaluateDim(add(s, 1), { s: Number.NaN })).toThrow('NaN is no integer');
  });
});

describe('constants that are no integers', () => {
  it('are no symbols, and have no value among integers', () => {
    const half = mul(float('0.5'), s);
    expect([...symbolsOf(half)]).toEqual(['s']);
    expect(evaluateDim(half, { s: 4 })).toBeUndefined();
  });

  it('are equal when their doubles are, and keep digits that a double has not', () => {
    expect(dimEquals(float('0.50'), float('5e-1'))).toBe(true);
    expect(float('0.1000000000000000055511151231257827')).toEqual({
      op: 'float',
      text: '0.1000000000000000055511151231257827',
    });
    expect(float('2')).toEqual({ op: 'float', text: '2.0' });
    same(float('-0.5'), mul(-1, float('0.5')));
    expect(() => float('inf')).toThrow('"inf" is no decimal number');
  });
});

it('evaluates an exact true division and no other', () => {
  const half = fn('IntTrueDiv', s, 2);
  expect(evaluateDim(half, { s: 8 })).toBe(4);
  expect(evaluateDim(half, { s: 7 })).toBeUndefined();
  expect(evaluateDim(min(s, 3), {})).toBeUndefined();
});
