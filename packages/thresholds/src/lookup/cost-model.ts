import type { Point } from './series.ts';

/**
 * Time of one kernel over message size: `latency + ramp·√bytes + perByte·bytes`, in microseconds. The middle term is
 * the ramp that all measured all-reduces show between their latency and their bandwidth; without it this is the α–β
 * model. Coefficients are never negative.
 */
export interface CostModel {
  readonly latencyUs: number;
  readonly ramp: number;
  readonly perByteUs: number;
  /** Mean relative error of points that were left out of the fit, 0.1 for 10 percent. */
  readonly error: number;
  readonly points: number;
}

/** Fewest points that a fit is made from. */
export const MIN_POINTS = 4;

/** An estimate with a larger leave-one-out error decides nothing. */
export const MAX_ERROR = 0.25;

type Basis = readonly ((bytes: number) => number)[];
const ONE = () => 1;
const LINE = (bytes: number) => bytes;
/** Tried in this order; the first whose coefficients are all non-negative is taken. */
const BASES: readonly { readonly basis: Basis; readonly place: readonly (0 | 1 | 2)[] }[] = [
  { basis: [ONE, Math.sqrt, LINE], place: [0, 1, 2] },
  { basis: [ONE, LINE], place: [0, 2] },
  { basis: [ONE, Math.sqrt], place: [0, 1] },
  { basis: [ONE], place: [0] },
];

/** Solves a small symmetric system by elimination with pivoting; undefined when it is singular. */
function solve(matrix: number[][], right: number[]): number[] | undefined {
  const n = right.length;
  for (let column = 0; column < n; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < n; row += 1) {
      if (Math.abs(matrix[row]![column]!) > Math.abs(matrix[pivot]![column]!)) pivot = row;
    }
    if (Math.abs(matrix[pivot]![column]!) < 1e-12) return undefined;
    [matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!];
    [right[column], right[pivot]] = [right[pivot]!, right[column]!];
    for (let row = column + 1; row < n; row += 1) {
      const factor = matrix[row]![column]! / matrix[column]![column]!;
      for (let k = column; k < n; k += 1) matrix[row]![k]! -= factor * matrix[column]![k]!;
      right[row]! -= factor * right[column]!;
    }
  }
  for (let row = n - 1; row >= 0; row -= 1) {
    for (let k = row + 1; k < n; k += 1) right[row]! -= matrix[row]![k]! * right[k]!;
    right[row]! /= matrix[row]![row]!;
  }
  return right;
}

/** Least squares of relative errors. Bytes are scaled to MiB to keep the system well conditioned. */
function coefficients(points: readonly Point[], basis: Basis): number[] | undefined {
  const matrix = basis.map(() => basis.map(() => 0));
  const right = basis.map(() => 0);
  for (const { bytes, us } of points) {
    const terms = basis.map((term) => term(bytes / MIB) / us);
    for (const [i, a] of terms.entries()) {
      right[i]! += a;
      for (const [j, b] of terms.entries()) matrix[i]![j]! += a * b;
    }
  }
  return solve(matrix, right);
}

const MIB = 2 ** 20;

type Coefficients = readonly [latencyUs: number, ramp: number, perByteUs: number];

function fitOnce(points: readonly Point[]): Coefficients | undefined {
  for (const { basis, place } of BASES) {
    const found = coefficients(points, basis);
    if (!found || found.some((value) => value < 0)) continue;
    const all: [number, number, number] = [0, 0, 0];
    for (const [i, value] of found.entries()) all[place[i]!] = value;
    return [all[0], all[1] / Math.sqrt(MIB), all[2] / MIB];
  }
  return undefined;
}

function timeOf([latencyUs, ramp, perByteUs]: Coefficients, bytes: number): number {
  return latencyUs + ramp * Math.sqrt(bytes) + perByteUs * bytes;
}

/** Fits a model to points of one kernel on one kind of box; undefined below {@link MIN_POINTS} points. */
export function fitCostModel(points: readonly Point[]): CostModel | undefined {
  if (points.length < MIN_POINTS) return undefined;
  const fitted = fitOnce(points);
  if (!fitted) return undefined;
  let error = 0;
  for (const left of points) {
    const without = fitOnce(points.filter((point) => point !== left));
    if (!without) return undefined;
    error += Math.abs(timeOf(without, left.bytes) - left.us) / left.us;
  }
  const [latencyUs, ramp, perByteUs] = fitted;
  return { latencyUs, ramp, perByteUs, error: error / points.length, points: points.length };
}

/** Microseconds that the model gives for a message of so many bytes. */
export function estimateUs(model: CostModel, bytes: number): number {
  return timeOf([model.latencyUs, model.ramp, model.perByteUs], bytes);
}
