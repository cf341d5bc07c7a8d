import { GraphFormatError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DIM_DEPTH } from '../../src/dim/parse.ts';
import { depthOf } from '../../src/dim/substitute.ts';
import {
  add,
  dimEquals,
  float,
  floordiv,
  fn,
  mul,
  parseDim,
  pow,
  printDim,
  type SymbolAssumptions,
  sym,
} from '../../src/index.ts';
import { dims } from './arbitrary.ts';

it('reads back what it prints', () => {
  fc.assert(
    fc.property(
      dims.filter((dim) => depthOf(dim) <= MAX_DIM_DEPTH),
      (dim) => {
        expect(parseDim(printDim(dim))).toEqual(dim);
      },
    ),
    { numRuns: 2500 },
  );
});

describe('text of FX', () => {
  it.each([
    ['8*s72', '8*s72'],
    ['(s72//8)', '(s72//8)'],
    ['1 + s72*8', '8*s72 + 1'],
    ['2*(s72 - 1)', '2*s72 - 2'],
    ['-s72**2', '-s72**2'],
    ['(-2)**s72', '(-2)**s72'],
    ['2**-s72', '2**(-s72)'],
    ['s72 % 8', 'Mod(s72, 8)'],
    ['Max(1, s72)', 'Max(s72, 1)'],
    ['max(1, s72)', 'Max(s72, 1)'],
    ['s72/2', 'IntTrueDiv(s72, 2)'],
    ['CeilToInt(IntTrueDiv(s72, 128))', 'CeilToInt(IntTrueDiv(s72, 128))'],
    ['0.5*s72', '0.5*s72'],
    ['1e-05', '0.00001'],
    ['3*s72//3', 's72'],
    ['10//3*3', '9'],
    ['99999999999999999999', '99999999999999999999'],
    ['Eq(s0, s1)', 'Eq(s0, s1)'],
  ])('%s is %s', (text, printed) => {
    expect(printDim(parseDim(text))).toBe(printed);
  });
});

describe("sympy's srepr", () => {
  it('states assumptions of symbols', () => {
    const symbols = new Map<string, SymbolAssumptions>();
    const dim = parseDim(
      "Mul(Integer(8), Symbol('s77', positive=True, integer=True, zero=False))",
      symbols,
    );
    expect(dim).toEqual(mul(8, sym('s77')));
    expect(symbols.get('s77')).toEqual({ positive: true, integer: true, zero: false });
  });

  it('gives the same expressions as the text of FX', () => {
    const s = "Symbol('s0', integer=True)";
    expect(parseDim(`Add(${s}, Integer(-1))`)).toEqual(parseDim('s0 - 1'));
    expect(parseDim(`Pow(${s}, Integer(2))`)).toEqual(parseDim('s0**2'));
    expect(parseDim(`FloorDiv(${s}, Integer(8))`)).toEqual(floordiv(sym('s0'), 8));
    expect(parseDim(`PythonMod(${s}, Integer(8))`)).toEqual(parseDim('s0 % 8'));
    expect(parseDim(`Max(Integer(1), ${s})`)).toEqual(parseDim('Max(1, s0)'));
    expect(parseDim("Float('0.5', precision=53)")).toEqual(float('0.5'));
    expect(parseDim("Float('-0.5', precision=53)")).toEqual(mul(-1, float('0.5')));
    expect(parseDim('Rational(1, 2)')).toEqual(fn('Rational', 1, 2));
    expect(
      dimEquals(
        parseDim('Add(Mul(Integer(2), Symbol("a")), Integer(2))'),
        mul(2, add(1, sym('a'))),
      ),
    ).toBe(true);
  });
});

describe('refusals', () => {
  it.each([
    ['', 1, 'a number, a symbol or a parenthesis'],
    ['8*', 3, 'a number, a symbol or a parenthesis'],
    ['2s', 2, 'the end'],
    ['(s0', 4, '")"'],
    ['Max(s0', 7, '"," or ")"'],
    ['s0 < 2', 3, 'a number, a name or an operator'],
    ["Symbol('a b')", 8, 'a symbol name'],
    ['Symbol(a)', 8, 'a quoted symbol name'],
    ["Symbol('a', integer=Maybe)", 21, 'True or False'],
    ["Float('inf')", 7, 'a decimal number'],
    ['9'.repeat(4001), 1, 'at most 4000 digits'],
  ])('$0 at column $1', (text, column, expected) => {
    const refusal = (): unknown => parseDim(text);
    expect(refusal).toThrow(GraphFormatError);
    expect(refusal).toThrow(expected);
    expect(refusal).toThrow(`column ${column}`);
  });

  it.each([
    ['parentheses', `${'('.repeat(100_000)}s0`],
    ['signs', `${'-'.repeat(100_000)}s0`],
    ['calls', 'CeilToInt('.repeat(100_000)],
    ['powers', `${'s0**'.repeat(100_000)}s0`],
    ['divisions', `s0${'//s0'.repeat(100_000)}`],
    ['remainders', `s0${'//3%s0'.repeat(50_000)}`],
  ])('nesting of 100 000 %s', (_, text) => {
    expect(() => parseDim(text)).toThrow(GraphFormatError);
  });

  it('reads a long sum and a long product in linear time', () => {
    const terms = Array.from({ length: 200_000 }, (_, i) => `s${i % 50}`);
    expect(parseDim(terms.join(' + '))).toEqual(
      add(...Array.from({ length: 50 }, (_, i) => mul(4000, sym(`s${i}`)))),
    );
    expect(parseDim(terms.join('*'))).toEqual(
      mul(...Array.from({ length: 50 }, (_, i) => pow(sym(`s${i}`), 4000))),
    );
  });
});
