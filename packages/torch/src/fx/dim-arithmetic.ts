import {
  type Arg,
  add,
  type Dim,
  type DimExpr,
  floordiv,
  MAX_DIM_DEPTH,
  mod,
  mul,
  pow,
} from '@arfuse/graph';

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
export function foldDims(op: string, left: Arg, right: Arg): Dim | undefined {
  if (left.kind !== 'dim' && right.kind !== 'dim') return undefined;
  const a = dimOf(left);
  const b = dimOf(right);
  const rule = DIM_RULES[op];
  return a === undefined || b === undefined ? undefined : rule?.(a, b);
}

/** Most symbols and numbers of one expression. */
const MAX_TERMS = 10_000;

interface Size {
  readonly levels: number;
  readonly terms: number;
}

const ATOM: Size = { levels: 1, terms: 1 };
const sizes = new WeakMap<DimExpr, Size>();

/** Remembered for each part: names stand for expressions, so that a few statements may double one again and again. */
function sizeOf(dim: Dim): Size {
  if (typeof dim !== 'object' || !('args' in dim)) return ATOM;
  let size = sizes.get(dim);
  if (size === undefined) {
    let [levels, terms] = [0, 0];
    for (const part of dim.args.map(sizeOf)) {
      levels = Math.max(levels, part.levels);
      terms += part.terms;
    }
    size = { levels: levels + 1, terms };
    sizes.set(dim, size);
  }
  return size;
}

/** Whether an expression is larger than a graph may hold: everything that reads one recurses into it. */
export function isTooLarge(dim: Dim): boolean {
  const { levels, terms } = sizeOf(dim);
  return levels > MAX_DIM_DEPTH || terms > MAX_TERMS;
}
