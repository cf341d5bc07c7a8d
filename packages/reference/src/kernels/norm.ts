import type { IoDType, NormAttributes } from '@arfuse/contract';
import { roundAll, roundTo } from '../numeric/round.ts';

/** Elements that one thread of the fused kernels sums before the tree. */
const LANE = 8;

/** Sum of squares in float32: runs of eight in order, then a binary tree. */
function sumOfSquares(x: Float64Array, row: number, hidden: number, lanes: Float64Array): number {
  const count = Math.ceil(hidden / LANE);
  for (let lane = 0; lane < count; lane += 1) {
    let total = 0;
    const end = Math.min(hidden, (lane + 1) * LANE);
    for (let i = lane * LANE; i < end; i += 1) {
      const value = x[row + i]!;
      total = Math.fround(total + Math.fround(value * value));
    }
    lanes[lane] = total;
  }
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    const half = Math.ceil(width / 2);
    for (let i = 0; i < width - half; i += 1) lanes[i] = Math.fround(lanes[i]! + lanes[half + i]!);
  }
  return lanes[0]!;
}

export interface NormResult {
  /** Rounded to the activation dtype. */
  readonly rounded: Float64Array;
  /** In float32, before the last rounding. */
  readonly unrounded: Float64Array;
}

/**
 * RMSNorm of rows of `hidden` elements in float32 arithmetic:
 * `x * rsqrt(mean(x²) + eps) * (weightBias + weight)`, the weight before or after the down-cast.
 */
export function rmsNorm(
  x: Float64Array,
  hidden: number,
  norm: NormAttributes,
  weight: Float64Array | undefined,
  multiply: 'before' | 'after',
  dtype: IoDType,
): NormResult {
  const unrounded = new Float64Array(x.length);
  const lanes = new Float64Array(Math.ceil(hidden / LANE));
  const gain = new Float64Array(hidden);
  // A weight of -0 stays -0 where nothing is added to it.
  for (let i = 0; i < hidden; i += 1)
    gain[i] = weight ? Math.fround(norm.weightBias === 0 ? weight[i]! : 1 + weight[i]!) : 1;
  const eps = Math.fround(norm.eps);
  const after = multiply === 'after';
  for (let row = 0; row < x.length; row += hidden) {
    const mean = Math.fround(sumOfSquares(x, row, hidden, lanes) / hidden);
    const scale = Math.fround(1 / Math.sqrt(Math.fround(mean + eps)));
    for (let i = 0; i < hidden; i += 1) {
      const normed = Math.fround(x[row + i]! * scale);
      // Without a weight the gain of 1 changes nothing.
      unrounded[row + i] = Math.fround((after ? roundTo(dtype, normed) : normed) * gain[i]!);
    }
  }
  const rounded = unrounded.slice();
  roundAll(dtype, rounded);
  return { rounded, unrounded };
}
