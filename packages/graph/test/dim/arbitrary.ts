import fc from 'fast-check';
import { applyOp, type DimOp } from '../../src/dim/substitute.ts';
import { type Dim, float, fn, sym } from '../../src/index.ts';

export const SYMBOLS = ['s0', 's1', 's72', 'u3'] as const;

/** An expression as it is written, before anything simplifies it. */
export type Tree =
  | number
  | bigint
  | { readonly sym: string }
  | { readonly op: DimOp; readonly args: readonly Tree[] };

const small = fc.integer({ min: -6, max: 6 });

/** Trees whose value is defined for all integers: divisors are constants other than zero, exponents 0 to 3. */
export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    fc.constantFrom(...SYMBOLS).map((name) => ({ sym: name })),
    small,
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc
      .tuple(
        fc.constantFrom<DimOp>('add', 'mul', 'min', 'max'),
        fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
      )
      .map(([op, args]) => ({ op, args })),
    fc
      .tuple(
        fc.constantFrom<DimOp>('floordiv', 'mod'),
        tie('tree'),
        small.filter((n) => n !== 0),
      )
      .map(([op, left, right]) => ({ op, args: [left, right] })),
    fc
      .tuple(tie('tree'), fc.integer({ min: 0, max: 3 }))
      .map(([base, n]) => ({ op: 'pow' as const, args: [base, n] })),
  ),
})).tree;

/** The canonical form of a tree, through the same functions that importers use. */
export function build(tree: Tree): Dim {
  if (typeof tree !== 'object') return typeof tree === 'bigint' ? applyOp('add', [tree]) : tree;
  return 'sym' in tree ? sym(tree.sym) : applyOp(tree.op, tree.args.map(build));
}

const floorDivide = (a: bigint, b: bigint): bigint =>
  a % b !== 0n && a < 0n !== b < 0n ? a / b - 1n : a / b;

/** The value of a tree by definition, without any rule of simplification. */
export function evaluate(tree: Tree, values: Readonly<Record<string, number>>): bigint {
  if (typeof tree !== 'object') return BigInt(tree);
  if ('sym' in tree) return BigInt(values[tree.sym]!);
  const args = tree.args.map((arg) => evaluate(arg, values));
  switch (tree.op) {
    case 'add':
      return args.reduce((a, b) => a + b);
    case 'mul':
      return args.reduce((a, b) => a * b);
    case 'min':
      return args.reduce((a, b) => (b < a ? b : a));
    case 'max':
      return args.reduce((a, b) => (b > a ? b : a));
    case 'floordiv':
      return floorDivide(args[0]!, args[1]!);
    case 'mod':
      return args[0]! - args[1]! * floorDivide(args[0]!, args[1]!);
    case 'pow':
      return args[0]! ** args[1]!;
  }
}

export const assignments = fc.record({
  s0: fc.integer({ min: -9, max: 9 }),
  s1: fc.integer({ min: -9, max: 9 }),
  s72: fc.integer({ min: -5000, max: 5000 }),
  u3: fc.integer({ min: -9, max: 9 }),
});

/** Expressions of every kind, floats and unknown functions included. */
export const dims: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    trees.map(build),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => float(String(value))),
    fc
      .tuple(
        fc.constantFrom('CeilToInt', 'IntTrueDiv', 'Eq', 'Where', 'torch.sym_float'),
        fc.array(tie('dim'), { maxLength: 3 }),
      )
      .map(([name, args]) => fn(name, ...args)),
    fc
      .tuple(
        fc.constantFrom<DimOp>('add', 'mul', 'min', 'max', 'floordiv', 'mod', 'pow'),
        tie('dim'),
        tie('dim'),
      )
      .map(([op, a, b]) => applyOp(op, [a, b])),
  ),
})).dim;
