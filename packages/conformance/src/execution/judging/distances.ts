import type { DType, QuantStage } from '@arfuse/contract';
import { fromBits, ulpDistance } from '@arfuse/reference';
import { scalePlace } from '../cases/scale-places.ts';

/** Upper ends of the classes of a histogram, in ULP; what is further, or a NaN against a number, is beyond. */
export const ULP_CLASSES: readonly number[] = [0, 1, 2, 4, 16, 256, 65_536];

/** Byte that outputs hold before a launch. */
export const POISON = 0xa5;

/** How far codes are from what is expected. */
export interface Distances {
  readonly codes: number;
  /** Codes that differ in any bit. */
  readonly different: number;
  /** Of those, codes that are still the poison; a step from what is expected it is a result as good as its neighbour. */
  readonly unwritten: number;
  /** Of those, numbers where a NaN is expected. */
  readonly lostNan: number;
  /** The largest distance in ULP of the others; +0 and −0 are equal, and so are NaNs. */
  readonly worst: number;
  /** First code of a difference of each kind; −1 where there is none. */
  readonly first: { readonly unwritten: number; readonly lostNan: number; readonly worst: number };
  /** Codes by class of {@link ULP_CLASSES}, and beyond; unwritten ones are left out. */
  readonly histogram: readonly number[];
}

/** How quantised elements are read: each with its scale. */
export interface ScaledCodes {
  readonly quant: QuantStage;
  readonly hidden: number;
  readonly rows: number;
  readonly found: Uint8Array;
  readonly expected: Uint8Array;
}

/** Class of a distance. */
export function ulpClass(ulps: number): number {
  const at = ULP_CLASSES.findIndex((most) => ulps <= most);
  return at < 0 ? ULP_CLASSES.length : at;
}

/** Reads the codes of a buffer. */
function reader(dtype: DType, bytes: Uint8Array): { count: number; at(i: number): number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'f4e2m1fnx2')
    return { count: 2 * bytes.length, at: (i) => (bytes[i >> 1]! >> (4 * (i & 1))) & 15 };
  if (dtype === 'f32') return { count: bytes.length / 4, at: (i) => view.getUint32(4 * i, true) };
  if (dtype === 'bf16' || dtype === 'f16')
    return { count: bytes.length / 2, at: (i) => view.getUint16(2 * i, true) };
  return { count: bytes.length, at: (i) => bytes[i]! };
}

/** Distance to the next larger magnitude of a format, at a value. */
function stepAt(dtype: DType, value: number): number {
  const magnitude = Math.abs(value);
  const [bits, least] = dtype === 'f4e2m1fnx2' ? [1, 0] : [3, -6];
  const exponent = magnitude === 0 ? least : Math.max(least, Math.floor(Math.log2(magnitude)));
  return 2 ** (exponent - bits);
}

/** Distance of two scaled codes in steps of the coarser one, where their scales are not equal. */
function scaledSteps(dtype: DType, x: number, y: number, a: number, b: number): number {
  const [p, q] = [x * a, y * b];
  if (p === q || (p !== p && q !== q)) return 0;
  if (!Number.isFinite(p) || !Number.isFinite(q)) return Number.POSITIVE_INFINITY;
  const step = Math.max(stepAt(dtype, x) * Math.abs(a), stepAt(dtype, y) * Math.abs(b));
  return Math.round(Math.abs(p - q) / step);
}

/** The scale of an element, decoded. */
function scaleOf(scaled: ScaledCodes, bytes: Uint8Array, element: number): number {
  const { quant, hidden, rows } = scaled;
  const size = quant.groupSize ?? hidden;
  const [row, column] = [Math.floor(element / hidden), element % hidden];
  const at = scalePlace(quant, rows, hidden / size, row, Math.floor(column / size));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (quant.scaleDtype === 'f32') return view.getFloat32(at, true);
  return fromBits(quant.scaleDtype!, bytes[at]!);
}

/**
 * Distances of codes of a dtype. Quantised elements are compared with their scales where those are given: a scale that is one
 * step off moves every code of its group.
 */
export function measure(
  dtype: DType,
  found: Uint8Array,
  expected: Uint8Array,
  scaled?: ScaledCodes,
): Distances {
  const [a, b] = [reader(dtype, found), reader(dtype, expected)];
  const codes = Math.min(a.count, b.count);
  const histogram = new Array<number>(ULP_CLASSES.length + 1).fill(0);
  const first = { unwritten: -1, lostNan: -1, worst: -1 };
  const totals = { different: 0, unwritten: 0, lostNan: 0, worst: 0 };
  if (Buffer.compare(found, expected) === 0) {
    histogram[0] = codes;
    return { codes, ...totals, first, histogram };
  }
  // Two packed elements are unwritten together.
  const packed = dtype === 'f4e2m1fnx2';
  const poison = reader(dtype, new Uint8Array(8).fill(POISON)).at(0);
  for (let i = 0; i < codes; i += 1) {
    const [x, y] = [a.at(i), b.at(i)];
    if (x === y) {
      histogram[0]! += 1;
      continue;
    }
    totals.different += 1;
    const [p, q] = [fromBits(dtype, x), fromBits(dtype, y)];
    let ulps = ulpDistance(dtype, p, q);
    if (scaled && ulps > 1) {
      const scales = [scaleOf(scaled, scaled.found, i), scaleOf(scaled, scaled.expected, i)];
      if (scales[0] !== scales[1]) ulps = scaledSteps(dtype, p, q, scales[0]!, scales[1]!);
    }
    if ((packed ? found[i >> 1] === POISON : x === poison) && ulps > 1) {
      totals.unwritten += 1;
      if (first.unwritten < 0) first.unwritten = i;
      continue;
    }
    if (q !== q && p === p) {
      totals.lostNan += 1;
      if (first.lostNan < 0) first.lostNan = i;
      continue;
    }
    histogram[ulpClass(ulps)]! += 1;
    if (ulps > totals.worst) {
      totals.worst = ulps;
      first.worst = i;
    }
  }
  return { codes, ...totals, first, histogram };
}
