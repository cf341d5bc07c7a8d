import { constant, type Dim, type DimExpr } from './dim.ts';

/** Inclusive bounds of an integer; null is infinite. */
export interface DimRange {
  readonly min: number | bigint | null;
  readonly max: number | bigint | null;
}

type Bounds = readonly [min: bigint | null, max: bigint | null];

const UNKNOWN: Bounds = [null, null];

/** Largest exponent whose bounds are worked out; beyond it the range is unknown. */
const MAX_EXPONENT = 64n;

/**
 * Bounds of an expression by interval arithmetic: every value lies within them, but they need not be reached, because
 * two occurrences of a symbol are taken for independent. A symbol that is not listed, and any function, is unbounded.
 */
export function dimRange(dim: Dim, symbols: ReadonlyMap<string, DimRange>): DimRange {
  const [min, max] = bounds(dim, symbols);
  return { min: min === null ? null : constant(min), max: max === null ? null : constant(max) };
}

function bounds(dim: Dim, symbols: ReadonlyMap<string, DimRange>): Bounds {
  if (typeof dim !== 'object') return [BigInt(dim), BigInt(dim)];
  if (dim.op === 'sym') {
    const range = symbols.get(dim.name);
    return range ? [big(range.min), big(range.max)] : UNKNOWN;
  }
  if (dim.op === 'float' || dim.op === 'fn') return UNKNOWN;
  return combine(
    dim.op,
    dim.args.map((arg) => bounds(arg, symbols)),
  );
}

function big(bound: number | bigint | null): bigint | null {
  return bound === null ? null : BigInt(bound);
}

function combine(
  op: Exclude<DimExpr['op'], 'sym' | 'float' | 'fn'>,
  args: readonly Bounds[],
): Bounds {
  const [a, b] = args;
  switch (op) {
    case 'add':
      return args.reduce((x, y) => [plus(x[0], y[0]), plus(x[1], y[1])]);
    case 'mul':
      return args.reduce(times);
    case 'min':
      return [
        least(
          args.map(([min]) => min),
          null,
        ),
        least(
          args.map(([, max]) => max),
          'skip',
        ),
      ];
    case 'max':
      return [
        greatest(
          args.map(([min]) => min),
          'skip',
        ),
        greatest(
          args.map(([, max]) => max),
          null,
        ),
      ];
    case 'floordiv':
      return quotient(a!, b!);
    case 'mod':
      return remainder(a!, b!);
    case 'pow':
      return power(a!, b!);
  }
}

const plus = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null || b === null ? null : a + b;

/** Smallest bound; an infinite one wins (`null`) or does not count (`skip`). */
function least(all: readonly (bigint | null)[], infinite: null | 'skip'): bigint | null {
  const finite = all.filter((bound) => bound !== null);
  if (finite.length === 0 || (infinite === null && finite.length < all.length)) return null;
  return finite.reduce((x, y) => (y < x ? y : x));
}

function greatest(all: readonly (bigint | null)[], infinite: null | 'skip'): bigint | null {
  const found = least(
    all.map((bound) => (bound === null ? null : -bound)),
    infinite,
  );
  return found === null ? null : -found;
}

const isFinite = (range: Bounds): range is readonly [bigint, bigint] =>
  range[0] !== null && range[1] !== null;

function times(a: Bounds, b: Bounds): Bounds {
  if (isFinite(a) && isFinite(b)) {
    const corners = [a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]];
    return [least(corners, null), greatest(corners, null)];
  }
  // Zero times anything finite is zero, however large.
  for (const range of [a, b]) if (range[0] === 0n && range[1] === 0n) return range;
  const [x, y] = [sign(a), sign(b)];
  if (x === 0 || y === 0) return UNKNOWN;
  // Mirrored, both are non-negative: the product lies between that of the small ends and that of the large ends.
  const [p, q] = [x < 0 ? mirror(a) : a, y < 0 ? mirror(b) : b];
  const product: Bounds = [p[0]! * q[0]!, p[1] === null || q[1] === null ? null : p[1] * q[1]];
  return x === y ? product : mirror(product);
}

/** 1: never negative, -1: never positive, 0: unknown. */
const sign = (a: Bounds): -1 | 0 | 1 =>
  a[0] !== null && a[0] >= 0n ? 1 : a[1] !== null && a[1] <= 0n ? -1 : 0;

const mirror = ([min, max]: Bounds): Bounds => [
  max === null ? null : -max,
  min === null ? null : -min,
];

const floor = (a: bigint, b: bigint): bigint => (a % b !== 0n && a < 0n ? a / b - 1n : a / b);

/** Only for positive divisors; shapes have no others. */
function quotient(a: Bounds, b: Bounds): Bounds {
  if (b[0] === null || b[0] <= 0n) return UNKNOWN;
  const [small, large] = [b[0], b[1]];
  const min =
    a[0] === null
      ? null
      : a[0] < 0n
        ? floor(a[0], small)
        : large === null
          ? 0n
          : floor(a[0], large);
  const max =
    a[1] === null
      ? null
      : a[1] >= 0n
        ? floor(a[1], small)
        : large === null
          ? -1n
          : floor(a[1], large);
  return [min, max];
}

function remainder(a: Bounds, b: Bounds): Bounds {
  if (b[0] === null || b[0] <= 0n) return UNKNOWN;
  // A dividend that stays below the smallest divisor is its own remainder.
  if (isFinite(a) && a[0] >= 0n && a[1] < b[0]) return a;
  const below = b[1] === null ? null : b[1] - 1n;
  return [0n, a[0] !== null && a[0] >= 0n ? least([a[1], below], 'skip') : below];
}

function power(a: Bounds, b: Bounds): Bounds {
  const exponent = b[0];
  if (exponent === null || exponent !== b[1] || exponent < 0n || exponent > MAX_EXPONENT)
    return UNKNOWN;
  const raise = (bound: bigint | null): bigint | null =>
    bound === null ? null : bound ** exponent;
  if (exponent % 2n === 1n) return [raise(a[0]), raise(a[1])];
  if (sign(a) > 0) return [raise(a[0]), raise(a[1])];
  if (sign(a) < 0) return [raise(a[1]), raise(a[0])];
  return [0n, greatest([raise(a[0]), raise(a[1])], null)];
}
