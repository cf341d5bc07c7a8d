import type { IoDType } from '@arfuse/contract';
import type { RefTensor } from '@arfuse/reference';
import type { Difference } from './report.ts';
import { ulpsBetween } from './ulp.ts';

/** A tensor of every rank. */
export type Tensors = readonly RefTensor[];

/** Relative to the row's largest value, in float64. */
const TOLERANCE = 1e-9;

/** Stands for a value that does not exist on one side, or has another number of elements. */
export const MISSING: Difference = {
  rank: 0,
  row: 0,
  column: 0,
  expected: Number.NaN,
  found: Number.NaN,
  ulps: Number.POSITIVE_INFINITY,
};

/** Where two real-valued results differ most beyond the order of float64 sums; undefined where they do not. */
export function worstDifference(
  expected: Tensors,
  found: Tensors,
  dtype: IoDType,
): Difference | undefined {
  let worst: Difference | undefined;
  expected.forEach((tensor, rank) => {
    const other = found[rank]!;
    // Ranks that reduced together share their results.
    if (rank > 0 && tensor === expected[rank - 1] && other === found[rank - 1]) return;
    const columns = tensor.shape.at(-1) ?? 1;
    if (other.data.length !== tensor.data.length) {
      worst = MISSING;
      return;
    }
    for (let start = 0; start < tensor.data.length; start += columns) {
      let limit = 0;
      for (let i = start; i < start + columns; i += 1) {
        const value = Math.abs(tensor.data[i]!);
        if (Number.isFinite(value) && value > limit) limit = value;
      }
      for (let i = start; i < start + columns; i += 1) {
        const [a, b] = [tensor.data[i]!, other.data[i]!];
        if (a === b || (a !== a && b !== b) || Math.abs(a - b) <= TOLERANCE * limit) continue;
        const ulps = ulpsBetween(dtype, a, b);
        if (!worst || ulps > worst.ulps)
          worst = { rank, row: start / columns, column: i - start, expected: a, found: b, ulps };
      }
    }
  });
  return worst;
}
