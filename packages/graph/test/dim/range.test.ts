import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DimRange,
  dimRange,
  dimsEqual,
  type Equality,
  Graph,
  parseDim,
} from '../../src/index.ts';
import { build, evaluate, SYMBOLS, trees } from './arbitrary.ts';

const range = (text: string, symbols: Record<string, DimRange>): DimRange =>
  dimRange(parseDim(text), new Map(Object.entries(symbols)));

describe('dimRange', () => {
  it('contains every value', () => {
    const interval = fc.tuple(
      fc.integer({ min: -9, max: 9 }),
      fc.nat(9),
      fc.nat(9),
      fc.boolean(),
      fc.boolean(),
    );
    fc.assert(
      fc.property(trees, fc.tuple(interval, interval, interval, interval), (tree, intervals) => {
        const symbols = new Map<string, DimRange>();
        const values: Record<string, number> = {};
        SYMBOLS.forEach((name, i) => {
          const [value, below, above, unboundedBelow, unboundedAbove] = intervals[i]!;
          values[name] = value;
          symbols.set(name, {
            min: unboundedBelow ? null : value - below,
            max: unboundedAbove ? null : value + above,
          });
        });
        const { min, max } = dimRange(build(tree), symbols);
        const value = evaluate(tree, values);
        if (min !== null) expect(BigInt(min) <= value).toBe(true);
        if (max !== null) expect(BigInt(max) >= value).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['8*s + 1', 17, 513],
    ['-s', -64, -2],
    ['s//4', 0, 16],
    ['s % 16', 0, 15],
    ['s % 100', 2, 64],
    ['Min(s, 8)', 2, 8],
    ['Max(s, 8)', 8, 64],
    ['Min(s, t)', null, 64],
    ['Max(s, t)', 2, null],
    ['s**2', 4, 4096],
    ['(s - 10)**2', 0, 2916],
    ['s*p', 2, null],
    ['-s*p', null, -2],
    ['s//p', 0, 64],
    ['s*t', null, null],
    ['t % p', 0, null],
    ['CeilToInt(s)', null, null],
    ['0.5*s', null, null],
  ])('%s lies in [%s, %s]', (text, min, max) => {
    expect(range(text, { s: { min: 2, max: 64 }, p: { min: 1, max: null } })).toEqual({ min, max });
  });
});

describe('dimsEqual', () => {
  const graph = (...equalities: (readonly [string, string])[]): Graph =>
    new Graph({
      meta: { format: 'test', level: 'unknown' },
      symbols: new Map(),
      equalities: equalities.map(
        ([left, right]): Equality => ({ left: parseDim(left), right: parseDim(right) }),
      ),
      values: [],
      nodes: [],
      inputs: [],
      outputs: [],
      inputWrites: [],
      subgraphs: new Map(),
    });
  const equal = (g: Graph, a: string, b: string): boolean => dimsEqual(g, parseDim(a), parseDim(b));

  it('follows chains of symbols in any order', () => {
    const g = graph(['a', 'b'], ['c', 'd'], ['b', 'd']);
    expect(equal(g, 'a', 'c')).toBe(true);
    expect(equal(g, '8*a + 1', '8*d + 1')).toBe(true);
    expect(equal(g, 'a', 'e')).toBe(false);
    expect(equal(graph(), 'a', 'b')).toBe(false);
  });

  it('replaces a symbol by the constant or expression that it equals', () => {
    expect(equal(graph(['a', '8']), 'a*b', '8*b')).toBe(true);
    expect(equal(graph(['4*b', 'a'], ['b', 'c']), 'a//4', 'c')).toBe(true);
    expect(equal(graph(['a', 'b'], ['a', '4'], ['b', '4']), 'b', '4')).toBe(true);
  });

  it('takes a stated equality of expressions as it is', () => {
    const g = graph(['2*a', '3*b']);
    expect(equal(g, '2*a', '3*b')).toBe(true);
    expect(equal(g, '3*b + 1', '2*a + 1')).toBe(true);
    expect(equal(g, 'a', 'b')).toBe(false);
  });

  it('survives an equality of a symbol with an expression of itself', () => {
    const g = graph(['a', 'a*b'], ['b', 'a + b']);
    expect(equal(g, 'a*b', 'a')).toBe(true);
    expect(equal(g, 'a', 'c')).toBe(false);
  });
});
