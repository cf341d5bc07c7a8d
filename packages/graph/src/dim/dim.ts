import { GraphError } from '@arfuse/contract';

/**
 * A symbolic integer: a constant, or an expression tree over symbols. Trees are in canonical form when they
 * come from {@link sym}, {@link add}, {@link mul}, … : flattened, constants folded, like terms collected,
 * operands sorted, so that equal expressions have equal {@link dimKey}s.
 */
export type Dim = number | bigint | DimExpr;

/** An expression tree; integer constants are plain numbers. */
export type DimExpr =
  | { readonly op: 'sym'; readonly name: string }
  /** A constant that is no integer, as decimal text without a sign: see {@link float}. */
  | { readonly op: 'float'; readonly text: string }
  | { readonly op: 'add' | 'mul' | 'min' | 'max'; readonly args: readonly Dim[] }
  | { readonly op: 'floordiv' | 'mod' | 'pow'; readonly args: readonly [Dim, Dim] }
  /** Any other function, kept by its sympy name: `CeilToInt`, `Eq`, `Where`, … */
  | { readonly op: 'fn'; readonly name: string; readonly args: readonly Dim[] };

const keys = new WeakMap<DimExpr, string>();

/** Whether a dimension is a number. */
export function isConstant(dim: Dim): dim is number | bigint {
  return typeof dim !== 'object';
}

/** Text that is equal for equal expressions. Not meant for people: see `printDim`. */
export function dimKey(dim: Dim): string {
  if (typeof dim !== 'object') return dim.toString();
  let key = keys.get(dim);
  if (key === undefined) {
    if (dim.op === 'sym') key = dim.name;
    else if (dim.op === 'float') key = dim.text;
    else {
      const name = dim.op === 'fn' ? dim.name : dim.op;
      key = `${name}(${dim.args.map(dimKey).join(',')})`;
    }
    keys.set(dim, key);
  }
  return key;
}

/** Whether two expressions have the same canonical form. */
export function dimEquals(a: Dim, b: Dim): boolean {
  return a === b || dimKey(a) === dimKey(b);
}

/** Constants as number while exact, else as bigint. */
export function constant(value: number | bigint): number | bigint {
  // Adding 0 turns -0 into 0.
  if (typeof value === 'number')
    return Number.isSafeInteger(value) || !Number.isInteger(value) ? value + 0 : BigInt(value);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** The symbol of a name. */
export function sym(name: string): DimExpr {
  return { op: 'sym', name };
}

/**
 * A constant that is no integer, from decimal text such as `0.5` or `-1e-05`. Texts of the same double are the same
 * constant; digits beyond a double's 17 are kept.
 * @throws GraphError when the text is no decimal number
 */
export function float(text: string): Dim {
  const parts = /^([-+]?)(\d+)(?:\.(\d*))?(?:[eE][-+]?\d+)?$/.exec(text);
  if (!parts)
    throw new GraphError({
      message: `${JSON.stringify(text)} is no decimal number.`,
      details: { text },
    });
  const [, sign, whole, fraction = ''] = parts;
  let digits = text.replace(/^[-+]/, '');
  const value = Number(digits);
  if (Number.isFinite(value) && `${whole}${fraction}`.replace(/^0+/, '').length <= 17)
    digits = String(value);
  if (!/[.eE]/.test(digits)) digits += '.0';
  const dim: Dim = { op: 'float', text: digits };
  return sign === '-' ? mul(-1, dim) : dim;
}

const order = (a: Dim, b: Dim): number => {
  const left = dimKey(a);
  const right = dimKey(b);
  return left < right ? -1 : left > right ? 1 : 0;
};

function exact(
  a: number | bigint,
  b: number | bigint,
  apply: (x: bigint, y: bigint) => bigint,
): number | bigint {
  return constant(apply(BigInt(a), BigInt(b)));
}

/** @throws GraphError for a number that is no integer, which {@link float} would hold */
function isInteger(dim: Dim): dim is number | bigint {
  if (typeof dim === 'object') return false;
  if (typeof dim === 'bigint' || Number.isInteger(dim)) return true;
  throw new GraphError({
    message: `${dim} is no integer.`,
    hint: 'Symbolic integers hold other constants as `float(text)`.',
  });
}

/** Whether the value is an integer for integer symbols: only then do divisions cancel. */
function isIntegral(dim: Dim): boolean {
  if (typeof dim !== 'object') return true;
  switch (dim.op) {
    case 'sym':
    case 'floordiv':
      return true;
    case 'fn':
    case 'float':
      return false;
    case 'pow':
      return typeof dim.args[1] === 'number' && dim.args[1] >= 0 && isIntegral(dim.args[0]);
    default:
      return dim.args.every(isIntegral);
  }
}

/** Splits `c * rest` into its constant factor and the rest. */
function term(dim: Dim): [coefficient: number | bigint, rest: Dim] {
  if (isConstant(dim)) return [dim, 1];
  if (dim.op === 'mul' && dim.args.length > 1 && isInteger(dim.args[0]!)) {
    const rest = dim.args.slice(1);
    return [dim.args[0], rest.length === 1 ? rest[0]! : { op: 'mul', args: rest }];
  }
  return [1, dim];
}

/** The terms of a sum, or the expression itself. */
const termsOf = (dim: Dim): readonly Dim[] =>
  typeof dim === 'object' && dim.op === 'add' ? dim.args : [dim];

/** Sum in canonical form: like terms collected, the constant last. */
export function add(...args: readonly Dim[]): Dim {
  return sumOf(args);
}

/** {@link add} of a list of any length. */
export function sumOf(args: readonly Dim[]): Dim {
  const terms = new Map<string, [coefficient: number | bigint, rest: Dim]>();
  let offset: number | bigint = 0;
  for (const next of args.flatMap(termsOf)) {
    if (isInteger(next)) offset = exact(offset, next, (x, y) => x + y);
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

/** Coefficient of a term of a sum; that of the constant is itself. */
const coefficientOf = (dim: Dim): bigint => BigInt(isConstant(dim) ? dim : term(dim)[0]);

/** Splits a sum into its integer factor and the rest, whose first term in key order is positive. */
function content(sum: Dim): [factor: bigint, rest: Dim] {
  const terms = termsOf(sum);
  let factor = 0n;
  for (const arg of terms) {
    let [a, b] = [factor, coefficientOf(arg)];
    while (b !== 0n) [a, b] = [b, a % b];
    factor = a < 0n ? -a : a;
  }
  const [lead] = terms
    .filter((arg) => !isConstant(arg))
    .sort((a, b) => order(term(a)[1], term(b)[1]));
  if (lead !== undefined && coefficientOf(lead) < 0n) factor = -factor;
  return factor === 1n ? [1n, sum] : [factor, sumOf(terms.map((arg) => divided(arg, factor)))];
}

/** A term whose coefficient is a multiple of the divisor, divided by it. */
function divided(dim: Dim, divisor: bigint): Dim {
  return isConstant(dim)
    ? constant(BigInt(dim) / divisor)
    : mul(constant(coefficientOf(dim) / divisor), term(dim)[1]);
}

/** Product in canonical form: the constant first, equal factors as powers; only a constant is distributed over a sum. */
export function mul(...args: readonly Dim[]): Dim {
  return productOf(args);
}

/** {@link mul} of a list of any length. */
export function productOf(args: readonly Dim[]): Dim {
  let coefficient: number | bigint = 1;
  const powers = new Map<string, [base: Dim, exponent: number]>();
  for (const next of args.flatMap((arg) =>
    typeof arg === 'object' && arg.op === 'mul' ? arg.args : [arg],
  )) {
    if (isInteger(next)) {
      coefficient = exact(coefficient, next, (x, y) => x * y);
      continue;
    }
    let base: Dim = next;
    let power = 1;
    if (typeof next === 'object' && next.op === 'pow' && typeof next.args[1] === 'number')
      [base, power] = next.args as [Dim, number];
    else if (typeof next === 'object' && next.op === 'add') {
      const [factor, rest] = content(next);
      coefficient = exact(coefficient, factor, (x, y) => x * y);
      base = rest;
    }
    const key = dimKey(base);
    powers.set(key, [base, (powers.get(key)?.[1] ?? 0) + power]);
  }
  if (BigInt(coefficient) === 0n) return 0;
  const factors: Dim[] = [...powers.values()]
    .filter(([, exponent]) => exponent !== 0)
    .map(([base, exponent]): Dim => (exponent === 1 ? base : { op: 'pow', args: [base, exponent] }))
    .sort(order);
  if (factors.length === 0) return coefficient;
  if (BigInt(coefficient) === 1n)
    return factors.length === 1 ? factors[0]! : { op: 'mul', args: factors };
  const [only] = factors;
  // A constant times a sum is distributed, so that 2*(s+1) and 2*s+2 are the same expression.
  if (factors.length === 1 && typeof only === 'object' && only.op === 'add')
    return sumOf(only.args.map((arg) => mul(coefficient, arg)));
  return { op: 'mul', args: [coefficient, ...factors] };
}

/** The quotient when it is exact for all integer values of the symbols. */
function quotient(a: Dim, b: bigint): Dim | undefined {
  const terms = termsOf(a);
  if (!terms.every((dim) => coefficientOf(dim) % b === 0n && isIntegral(dim))) return undefined;
  return sumOf(terms.map((dim) => divided(dim, b)));
}

/** `floor(a / b)`. */
export function floordiv(a: Dim, b: Dim): Dim {
  if (isInteger(b) && BigInt(b) !== 0n) {
    if (isInteger(a)) {
      return exact(a, b, (x, y) => {
        const truncated = x / y;
        return x % y !== 0n && x < 0n !== y < 0n ? truncated - 1n : truncated;
      });
    }
    const whole = quotient(a, BigInt(b));
    if (whole !== undefined) return whole;
  }
  return { op: 'floordiv', args: [a, b] };
}

/** `a` modulo `b`, with Python's sign rule. */
export function mod(a: Dim, b: Dim): Dim {
  if (isInteger(b) && BigInt(b) !== 0n) {
    if (isInteger(a)) return exact(a, b, (x, y) => ((x % y) + y) % y);
    if (quotient(a, BigInt(b)) !== undefined) return 0;
  }
  return { op: 'mod', args: [a, b] };
}

/** Longest constant that a power is folded into, in bits; arfuse's JSON holds 4000 digits. */
const MAX_BITS = 13_000n;

const bits = (value: bigint): bigint => BigInt(value.toString(2).length);

/** `base ** exponent`. */
export function pow(base: Dim, exponent: Dim): Dim {
  if (!isInteger(exponent)) return { op: 'pow', args: [base, exponent] };
  const power = BigInt(exponent);
  if (power === 1n) return base;
  if (power === 0n) return 1;
  if (isInteger(base) && power > 0n) {
    const value = BigInt(base);
    if (bits(value) * power <= MAX_BITS) return constant(value ** power);
  }
  if (typeof base === 'object' && power > 0n) {
    if (base.op === 'mul') return productOf(base.args.map((arg) => pow(arg, exponent)));
    if (base.op === 'add') {
      const [factor, rest] = content(base);
      if (factor !== 1n) return mul(pow(constant(factor), exponent), pow(rest, exponent));
    }
  }
  if (typeof base === 'object' && base.op === 'pow' && isInteger(base.args[1])) {
    return pow(
      base.args[0],
      exact(base.args[1], exponent, (x, y) => x * y),
    );
  }
  return { op: 'pow', args: [base, exponent] };
}

function extremum(op: 'min' | 'max', args: readonly Dim[]): Dim {
  const rest = new Map<string, Dim>();
  let bound: number | bigint | undefined;
  for (const arg of args.flatMap((a) => (typeof a === 'object' && a.op === op ? a.args : [a]))) {
    if (isInteger(arg)) {
      if (
        bound === undefined ||
        (op === 'min' ? BigInt(arg) < BigInt(bound) : BigInt(arg) > BigInt(bound))
      )
        bound = arg;
    } else rest.set(dimKey(arg), arg);
  }
  const all = [...rest.values()].sort(order);
  if (bound !== undefined) all.push(bound);
  return all.length === 1 ? all[0]! : { op, args: all };
}

/** Smallest of the operands, in canonical form. */
export function min(...args: readonly Dim[]): Dim {
  return extremum('min', args);
}

/** Largest of the operands, in canonical form. */
export function max(...args: readonly Dim[]): Dim {
  return extremum('max', args);
}

/** A function that has no rule of its own here; kept verbatim, but for a true division that is exact. */
export function fn(name: string, ...args: readonly Dim[]): Dim {
  const [a, b] = args;
  if (
    name === 'IntTrueDiv' &&
    args.length === 2 &&
    isConstant(a!) &&
    isConstant(b!) &&
    BigInt(b) !== 0n &&
    BigInt(a) % BigInt(b) === 0n
  ) {
    return exact(a, b, (x, y) => x / y);
  }
  return { op: 'fn', name, args };
}
