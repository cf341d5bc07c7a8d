import { type IoDType, itemsize } from '@arfuse/contract';

/** Threads of a block at most; blocks of a thread-block cluster at most. */
const MAX_THREADS = 1024;
const MAX_CLUSTER = 8;

/** Each thread holds 16 bytes of a row. */
const VECTOR_BYTES = 16;

/** Elements that a row's length must be a multiple of: 8 for 16-bit types, 4 for f32. */
export function vectorElements(dtype: IoDType): number {
  return VECTOR_BYTES / itemsize(dtype);
}

/**
 * Threads per block of the launcher's first configuration: the largest cluster up to 8 that divides the threads of a
 * row. Later adjustments only lower the cluster while the block stays within 1024.
 */
export function threadsPerBlock(hidden: number, dtype: IoDType): number {
  const perRow = hidden / vectorElements(dtype);
  let cluster = MAX_CLUSTER;
  while (perRow % cluster !== 0) cluster /= 2;
  return perRow / cluster;
}

export function fitsBlock(hidden: number, dtype: IoDType): boolean {
  return threadsPerBlock(hidden, dtype) <= MAX_THREADS;
}
