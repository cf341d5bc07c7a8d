import type { DType } from '@arfuse/contract';
import { roundTo } from '../numeric/round.ts';

/** A dense tensor in row-major order whose elements are exactly representable in its dtype. */
export interface RefTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Values as float64; integers up to 2^53 and booleans as 0 and 1. */
  readonly data: Float64Array;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A tensor of the given values, each rounded to the dtype. */
export function tensorOf(
  dtype: DType,
  shape: readonly number[],
  values: ArrayLike<number>,
): RefTensor {
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i += 1) data[i] = roundTo(dtype, values[i]!);
  return { dtype, shape, data };
}

/** The same elements in another shape. */
export function reshaped(tensor: RefTensor, shape: readonly number[]): RefTensor {
  return { dtype: tensor.dtype, shape, data: tensor.data };
}
