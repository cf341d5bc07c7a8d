import type { IoDType } from '@arfuse/contract';

/**
 * What made-up values look like:
 * - `usual`: ordinary ones with −0, subnormals, and whole rows of large, tiny, zero and −0 values;
 * - `special`: the same, and rows with a NaN or infinities at one place;
 * - `integers`: −15 … 15, whose sums over up to 16 ranks are exact in every dtype and order;
 * - `vector`: ordinary ones only, for weights and biases.
 */
export type CodesKind = 'usual' | 'special' | 'integers' | 'vector';

/** Made-up values `[rows, hidden]`. Every one is a function of seed, stream and place, so any part can be made alone. */
export interface CodesSpec {
  readonly dtype: IoDType;
  readonly kind: CodesKind;
  readonly seed: number;
  /** What tells tensors of one seed apart; see {@link STREAMS}. */
  readonly stream: number;
  readonly hidden: number;
  /** First row. */
  readonly row: number;
  readonly rows: number;
}

/** Streams of the tensors that enter a site. */
export const STREAMS = {
  partial: (rank: number, partial: number): number => 2 * rank + partial,
  residual: 1000,
  weight: 1001,
  bias: 1002,
  preNormWeight: 1003,
} as const;

/** Codes of an activation dtype. */
export type Codes = Uint16Array | Uint32Array;

interface Format {
  readonly mantissa: number;
  /** Smallest biased exponent of ordinary values, about 2^-7, and how many there are. */
  readonly least: number;
  readonly range: number;
  /** What rows of large values add to the exponent, and rows of tiny ones take away. */
  readonly large: number;
  readonly tiny: number;
  readonly sign: number;
  readonly infinity: number;
  readonly nan: number;
}

const FORMATS: Readonly<Record<IoDType, Format>> = {
  bf16: {
    mantissa: 7,
    least: 120,
    range: 10,
    large: 40,
    tiny: 60,
    sign: 0x8000,
    infinity: 0x7f80,
    nan: 0x7fc0,
  },
  f16: {
    mantissa: 10,
    least: 8,
    range: 10,
    large: 5,
    tiny: 7,
    sign: 0x8000,
    infinity: 0x7c00,
    nan: 0x7e00,
  },
  f32: {
    mantissa: 23,
    least: 120,
    range: 10,
    large: 40,
    tiny: 60,
    sign: 0x8000_0000,
    infinity: 0x7f80_0000,
    nan: 0x7fc0_0000,
  },
};

const GOLDEN = 0x9e3779b9;

/** One word from another: the finaliser of splitmix32, in integers only. */
function mix(word: number): number {
  let z = word;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

const rowWord = (seed: number, row: number): number =>
  mix((mix(seed ^ 0x52a6b3c1) + Math.imul(row, 0x85ebca6b)) >>> 0);

/** Largest magnitude of integers. */
const MOST = 15;

function integerCode({ mantissa }: Format, bias: number, value: number): number {
  if (value === 0) return 0;
  const exponent = 31 - Math.clz32(value);
  return (exponent + bias) * 2 ** mantissa + (value - 2 ** exponent) * 2 ** (mantissa - exponent);
}

/** Fills codes with what a spec says; the addon makes the same on a GPU. */
export function fillCodes(spec: CodesSpec, codes: Codes): Codes {
  const { dtype, kind, hidden, rows } = spec;
  const format = FORMATS[dtype];
  const { mantissa, least, range, sign, infinity, nan } = format;
  const bias = dtype === 'f16' ? 15 : 127;
  const unit = 2 ** mantissa;
  const mask = unit - 1;
  const key = mix((spec.seed + Math.imul(spec.stream + 1, GOLDEN)) >>> 0);
  const shifts = kind === 'usual' || kind === 'special';
  for (let at = 0; at < rows; at += 1) {
    const row = spec.row + at;
    const chosen = rowWord(spec.seed, row);
    const rowKind = shifts ? chosen & 15 : 15;
    const shift = rowKind === 0 ? format.large : rowKind === 1 ? -format.tiny : 0;
    const zero =
      row > 0 && (rowKind === 2 || rowKind === 3) ? (rowKind === 3 ? sign : 0) : undefined;
    const first = row * hidden;
    for (let column = 0; column < hidden; column += 1) {
      const out = at * hidden + column;
      if (zero !== undefined) {
        codes[out] = zero;
        continue;
      }
      const word = mix((key + Math.imul(first + column, GOLDEN)) >>> 0);
      const top = word >>> 24;
      const negative = (word >>> 23) & 1 ? sign : 0;
      if (kind === 'integers') codes[out] = negative + integerCode(format, bias, top % (MOST + 1));
      else if (shifts && top >= 254) codes[out] = sign;
      else if (shifts && top === 253) codes[out] = negative + ((word & mask) | 1);
      else codes[out] = negative + (least + (top % range) + shift) * unit + (word & mask);
    }
    if (kind !== 'special') continue;
    const place = at * hidden + ((chosen >>> 12) % hidden);
    const what = (chosen >>> 8) & 3;
    // Of the first two ranks' first partials: one has the NaN or infinity, or both have infinities that cancel.
    const turn = (chosen >>> 10) & 1 ? STREAMS.partial(1, 0) : STREAMS.partial(0, 0);
    if (what === 1 && spec.stream === turn) codes[place] = nan;
    if (what === 2 && spec.stream === turn) codes[place] = infinity;
    if (what === 3 && spec.stream === STREAMS.partial(0, 0)) codes[place] = infinity;
    if (what === 3 && spec.stream === STREAMS.partial(1, 0)) codes[place] = sign + infinity;
  }
  return codes;
}

/** Fresh codes of a spec. */
export function makeCodes(spec: CodesSpec): Codes {
  const count = spec.rows * spec.hidden;
  return fillCodes(spec, spec.dtype === 'f32' ? new Uint32Array(count) : new Uint16Array(count));
}
