import { type Arg, add, type Dim, floordiv, mod, mul, pow } from '@arfuse/graph';

function dimOf(arg: Arg): Dim | undefined {
  return arg.kind === 'dim' ? arg.dim : arg.kind === 'int' ? arg.value : undefined;
}

const DIM_RULES: Readonly<Record<string, (a: Dim, b: Dim) => Dim>> = {
  'operator.add': (a, b) => add(a, b),
  'operator.sub': (a, b) => add(a, mul(-1, b)),
  'operator.mul': (a, b) => mul(a, b),
  'operator.floordiv': floordiv,
  'operator.mod': mod,
  'operator.pow': pow,
};

/** Arithmetic over symbols that no value carries (`view(2*s72, -1)`) is part of the argument, not a node. */
export function foldDims(op: string, left: Arg, right: Arg): Arg | undefined {
  if (left.kind !== 'dim' && right.kind !== 'dim') return undefined;
  const a = dimOf(left);
  const b = dimOf(right);
  const rule = DIM_RULES[op];
  return a === undefined || b === undefined || rule === undefined
    ? undefined
    : { kind: 'dim', dim: rule(a, b) };
}
