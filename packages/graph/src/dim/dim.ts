/**
 * A symbolic integer: a constant, or an expression tree over symbols. Trees are in canonical form when they
 * come from {@link sym}, {@link add}, {@link mul}, … : flattened, constants folded, like terms collected,
 * operands sorted, so that equal expressions have equal {@link dimKey}s.
 */
export type Dim = number | bigint | DimExpr;

export type DimExpr =
  | { readonly op: 'sym'; readonly name: string }
  | { readonly op: 'add' | 'mul' | 'min' | 'max'; readonly args: readonly Dim[] }
  | { readonly op: 'floordiv' | 'mod' | 'pow'; readonly args: readonly [Dim, Dim] }
  /** Any other function, kept by its sympy name: `CeilToInt`, `Eq`, `Where`, … */
  | { readonly op: 'fn'; readonly name: string; readonly args: readonly Dim[] };

const keys = new WeakMap<DimExpr, string>();

export function isConstant(dim: Dim): dim is number | bigint {
  return typeof dim !== 'object';
}

/** Text that is equal for equal expressions. Not meant for people: see `printDim`. */
export function dimKey(dim: Dim): string {
  if (typeof dim !== 'object') return dim.toString();
  let key = keys.get(dim);
  if (key === undefined) {
    if (dim.op === 'sym') key = dim.name;
    else {
      const name = dim.op === 'fn' ? dim.name : dim.op;
      key = `${name}(${dim.args.map(dimKey).join(',')})`;
    }
    keys.set(dim, key);
  }
  return key;
}

export function dimEquals(a: Dim, b: Dim): boolean {
  return a === b || dimKey(a) === dimKey(b);
}

/** Constants as number while exact, else as bigint. */
export function constant(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

export function sym(name: string): DimExpr {
  return { op: 'sym', name };
}

const order = (a: Dim, b: Dim): number => {
  const left = dimKey(a);
  const right = dimKey(b);
  return left < right ? -1 : left > right ? 1 : 0;
};

function exact(a: number | bigint, b: number | bigint, apply: (x: bigint, y: bigint) => bigint): number | bigint {
  return constant(apply(BigInt(a), BigInt(b)));
}

/** Fractions occur in strides only through functions; a non-integer constant stays inside `fn`. */
const isInteger = (dim: Dim): dim is number | bigint =>
  typeof dim === 'bigint' || (typeof dim === 'number' && Number.isInteger(dim));

/** Splits `c * rest` into its constant factor and the rest. */
function term(dim: Dim): [coefficient: number | bigint, rest: Dim] {
  if (isConstant(dim)) return [dim, 1];
  if (dim.op === 'mul' && dim.args.length > 1 && isInteger(dim.args[0]!)) {
    const rest = dim.args.slice(1);
    return [dim.args[0], rest.length === 1 ? rest[0]! : { op: 'mul', args: rest }];
  }
  return [1, dim];
}

/** Sum in canonical form: like terms collected, the constant last. */
export function add(...args: readonly Dim[]): Dim {
  const terms = new Map<string, [coefficient: number | bigint, rest: Dim]>();
  let offset: number | bigint = 0;
  const stack = [...args].reverse();
  while (stack.length > 0) {
    const next = stack.pop()!;
    if (typeof next === 'object' && next.op === 'add') {
      for (let i = next.args.length - 1; i >= 0; i -= 1) stack.push(next.args[i]!);
    } else if (isInteger(next)) offset = exact(offset, next, (x, y) => x + y);
    else {
      const [coefficient, rest] = term(next);
      const key = dimKey(rest);
      const old = terms.get(key);
      terms.set(key, [old ? exact(old[0], coefficient, (x, y) => x + y) : coefficient, rest]);
    }
  }
  const sum: Dim[] = [...terms.values()]
    .filter(([coefficient]) => BigInt(coefficient) !== 0n)
    .map(([coefficient, rest]) => mul(coefficient, rest))
    .sort(order);
  if (BigInt(offset) !== 0n || sum.length === 0) sum.push(offset);
  return sum.length === 1 ? sum[0]! : { op: 'add', args: sum };
}

/** Product in canonical form: the constant first, equal factors as powers, distributed over no sum. */
export function mul(...args: readonly Dim[]): Dim {
  let coefficient: number | bigint = 1;
  const powers = new Map<string, [base: Dim, exponent: number]>();
  const stack = [...args].reverse();
  while (stack.length > 0) {
    const next = stack.pop()!;
    if (typeof next === 'object' && next.op === 'mul') {
      for (let i = next.args.length - 1; i >= 0; i -= 1) stack.push(next.args[i]!);
    } else if (isInteger(next)) coefficient = exact(coefficient, next, (x, y) => x * y);
    else {
      const power =
        typeof next === 'object' && next.op === 'pow' && typeof next.args[1] === 'number' ? next.args[1] : 1;
      const base = power === 1 ? next : (next as DimExpr & { args: readonly [Dim, Dim] }).args[0];
      const key = dimKey(base);
      powers.set(key, [base, (powers.get(key)?.[1] ?? 0) + power]);
    }
  }
  if (BigInt(coefficient) === 0n) return 0;
  const factors: Dim[] = [...powers.values()]
    .filter(([, exponent]) => exponent !== 0)
    .map(([base, exponent]): Dim => (exponent === 1 ? base : { op: 'pow', args: [base, exponent] }))
    .sort(order);
  if (factors.length === 0) return coefficient;
  // A constant times a sum is distributed, so that 2*(s+1) and 2*s+2 are the same expression.
  if (factors.length === 1 && BigInt(coefficient) !== 1n) {
    const only = factors[0]!;
    if (typeof only === 'object' && only.op === 'add') return add(...only.args.map((arg) => mul(coefficient, arg)));
  }
  if (BigInt(coefficient) !== 1n) factors.unshift(coefficient);
  return factors.length === 1 ? factors[0]! : { op: 'mul', args: factors };
}

/** `floor(a / b)`. */
export function floordiv(a: Dim, b: Dim): Dim {
  if (isInteger(b) && BigInt(b) === 1n) return a;
  if (isInteger(a) && isInteger(b) && BigInt(b) !== 0n) {
    return exact(a, b, (x, y) => {
      const quotient = x / y;
      return x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient;
    });
  }
  if (isInteger(b) && BigInt(b) !== 0n) {
    const [coefficient, rest] = term(a);
    if (BigInt(coefficient) % BigInt(b) === 0n) return mul(exact(coefficient, b, (x, y) => x / y), rest);
  }
  return { op: 'floordiv', args: [a, b] };
}

/** `a` modulo `b`, with Python's sign rule. */
export function mod(a: Dim, b: Dim): Dim {
  if (isInteger(a) && isInteger(b) && BigInt(b) !== 0n) return exact(a, b, (x, y) => ((x % y) + y) % y);
  if (isInteger(b) && BigInt(b) !== 0n && BigInt(term(a)[0]) % BigInt(b) === 0n) return 0;
  return { op: 'mod', args: [a, b] };
}

/** `base ** exponent`. */
export function pow(base: Dim, exponent: Dim): Dim {
  if (isInteger(exponent)) {
    const power = BigInt(exponent);
    if (power === 1n) return base;
    if (power === 0n) return 1;
    if (isInteger(base) && power > 0n && power <= 4096n) return constant(BigInt(base) ** power);
    if (typeof base === 'object' && base.op === 'mul' && power > 0n && power <= 64n) {
      return mul(...base.args.map((arg) => pow(arg, exponent)));
    }
    if (typeof base === 'object' && base.op === 'pow' && isInteger(base.args[1])) {
      return pow(base.args[0], exact(base.args[1], exponent, (x, y) => x * y));
    }
  }
  return { op: 'pow', args: [base, exponent] };
}

function extremum(op: 'min' | 'max', args: readonly Dim[]): Dim {
  const rest = new Map<string, Dim>();
  let bound: number | bigint | undefined;
  for (const arg of args.flatMap((a) => (typeof a === 'object' && a.op === op ? a.args : [a]))) {
    if (isInteger(arg)) {
      if (bound === undefined || (op === 'min' ? BigInt(arg) < BigInt(bound) : BigInt(arg) > BigInt(bound))) bound = arg;
    } else rest.set(dimKey(arg), arg);
  }
  const all = [...rest.values()].sort(order);
  if (bound !== undefined) all.push(bound);
  return all.length === 1 ? all[0]! : { op, args: all };
}

export function min(...args: readonly Dim[]): Dim {
  return extremum('min', args);
}

export function max(...args: readonly Dim[]): Dim {
  return extremum('max', args);
}

/** A function that has no rule of its own here; kept verbatim. */
export function fn(name: string, ...args: readonly Dim[]): Dim {
  return { op: 'fn', name, args };
}

/** Names of the symbols of an expression, in order of first occurrence. */
export function symbolsOf(dim: Dim, found: Set<string> = new Set()): Set<string> {
  if (typeof dim !== 'object') return found;
  if (dim.op === 'sym') found.add(dim.name);
  else for (const arg of dim.args) symbolsOf(arg, found);
  return found;
}

/** Replaces symbols and simplifies again. */
export function substitute(dim: Dim, replace: (name: string) => Dim | undefined): Dim {
  if (typeof dim !== 'object') return dim;
  if (dim.op === 'sym') return replace(dim.name) ?? dim;
  const args = dim.args.map((arg) => substitute(arg, replace));
  switch (dim.op) {
    case 'add': return add(...args);
    case 'mul': return mul(...args);
    case 'min': return min(...args);
    case 'max': return max(...args);
    case 'floordiv': return floordiv(args[0]!, args[1]!);
    case 'mod': return mod(args[0]!, args[1]!);
    case 'pow': return pow(args[0]!, args[1]!);
    case 'fn': return fn(dim.name, ...args);
  }
}

/** The value under an assignment of all symbols, or undefined when a symbol or function is unknown. */
export function evaluateDim(dim: Dim, assignment: Readonly<Record<string, number>>): number | bigint | undefined {
  const value = substitute(dim, (name) => (Object.hasOwn(assignment, name) ? assignment[name] : undefined));
  return isConstant(value) ? value : undefined;
}
