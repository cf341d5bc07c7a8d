import {
  type Dim,
  type DimExpr,
  floordiv,
  fn,
  isConstant,
  max,
  min,
  mod,
  pow,
  productOf,
  sumOf,
} from './dim.ts';

/** An operator of an expression. */
export type DimOp = Exclude<DimExpr['op'], 'sym' | 'float' | 'fn'>;

/** Names of the symbols of an expression, in order of first occurrence. */
export function symbolsOf(dim: Dim, found: Set<string> = new Set()): Set<string> {
  if (typeof dim !== 'object' || dim.op === 'float') return found;
  if (dim.op === 'sym') found.add(dim.name);
  else for (const arg of dim.args) symbolsOf(arg, found);
  return found;
}

/** An operator applied to operands that are in canonical form; `floordiv`, `mod` and `pow` take two. */
export function applyOp(op: DimOp, args: readonly Dim[]): Dim {
  switch (op) {
    case 'add':
      return sumOf(args);
    case 'mul':
      return productOf(args);
    case 'min':
      return min(...args);
    case 'max':
      return max(...args);
    case 'floordiv':
      return floordiv(args[0]!, args[1]!);
    case 'mod':
      return mod(args[0]!, args[1]!);
    case 'pow':
      return pow(args[0]!, args[1]!);
  }
}

/** Replaces symbols and simplifies again. */
export function substitute(dim: Dim, replace: (name: string) => Dim | undefined): Dim {
  if (typeof dim !== 'object' || dim.op === 'float') return dim;
  if (dim.op === 'sym') return replace(dim.name) ?? dim;
  const args = dim.args.map((arg) => substitute(arg, replace));
  return dim.op === 'fn' ? fn(dim.name, ...args) : applyOp(dim.op, args);
}

/** The value under an assignment of all symbols, or undefined when a symbol or function is unknown. */
export function evaluateDim(
  dim: Dim,
  assignment: Readonly<Record<string, number>>,
): number | bigint | undefined {
  const value = substitute(dim, (name) =>
    Object.hasOwn(assignment, name) ? assignment[name] : undefined,
  );
  return isConstant(value) ? value : undefined;
}

const depths = new WeakMap<DimExpr, number>();

/** Levels of an expression: 0 for a constant, 1 for a symbol. */
export function depthOf(dim: Dim): number {
  if (typeof dim !== 'object') return 0;
  let depth = depths.get(dim);
  if (depth === undefined) {
    depth =
      1 +
      ('args' in dim ? dim.args.reduce((most: number, arg) => Math.max(most, depthOf(arg)), 0) : 0);
    depths.set(dim, depth);
  }
  return depth;
}
