import type { IoDType, NumericsRecord } from '@arfuse/contract';
import { roundAll, roundTo } from '../numeric/round.ts';

type Order = Pick<
  NumericsRecord,
  'accumulate' | 'reduceOrder' | 'hopRounding' | 'allReduceRounded'
>;

/** Adds a pair of running sums into the left one, element by element in float32. */
function addInto(left: Float64Array, right: Float64Array): void {
  for (let i = 0; i < left.length; i += 1) left[i] = Math.fround(left[i]! + right[i]!);
}

/** Pairs, then pairs of pairs; an odd rank goes to the left half. */
function treeSum(
  partials: readonly Float64Array[],
  hop: (sum: Float64Array) => void,
): Float64Array {
  if (partials.length === 1) return partials[0]!.slice();
  const half = Math.ceil(partials.length / 2);
  const left = treeSum(partials.slice(0, half), hop);
  addInto(left, treeSum(partials.slice(half), hop));
  hop(left);
  return left;
}

/** Elements `[from, to)` of the result, added from the rank `start` on round the group. */
function turn(
  partials: readonly Float64Array[],
  result: Float64Array,
  start: number,
  from: number,
  to: number,
  rounds: boolean,
  dtype: IoDType,
): void {
  const ranks = partials.length;
  for (let i = from; i < to; i += 1) {
    let total = partials[start]![i]!;
    for (let r = 1; r < ranks; r += 1) {
      const other = start + r;
      const sum = Math.fround(total + partials[other < ranks ? other : other - ranks]![i]!);
      total = rounds ? roundTo(dtype, sum) : sum;
    }
    result[i] = total;
  }
}

/**
 * All-reduce of `partials` (one array per rank of the group, in group order) in float32 arithmetic, with the rounding
 * points of the record:
 * - `rank`: 0…N-1 on every rank (FlashInfer, symmetric memory);
 * - `ring`: chunk c of N starts at rank c+1 and goes round;
 * - `tree`: pairs, then pairs of pairs.
 * An unspecified order is taken as `rank`, an unspecified type as float32.
 */
export function allReduce(
  partials: readonly Float64Array[],
  dtype: IoDType,
  order: Order,
): Float64Array {
  const ranks = partials.length;
  const size = partials[0]!.length;
  const rounds = order.accumulate === 'io' || order.hopRounding === true;
  let result: Float64Array;
  if (order.reduceOrder === 'tree') {
    result = treeSum(partials, (sum) => rounds && roundAll(dtype, sum));
  } else {
    result = new Float64Array(size);
    const chunk = order.reduceOrder === 'ring' ? Math.ceil(size / ranks) : size;
    for (let from = 0; from < size; from += chunk) {
      const start = order.reduceOrder === 'ring' ? (from / chunk + 1) % ranks : 0;
      turn(partials, result, start, from, Math.min(size, from + chunk), rounds, dtype);
    }
  }
  if (order.allReduceRounded) roundAll(dtype, result);
  return result;
}
