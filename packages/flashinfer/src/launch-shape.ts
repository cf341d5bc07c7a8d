import { type IoDType, itemsize } from '@arfuse/contract';
import type { Shot } from './workspace.ts';

/** Threads of a block at most; blocks of a thread-block cluster at most. */
const MAX_THREADS = 1024;
const MAX_CLUSTER = 8;

/** Blocks are made at least so large where a row allows it. */
const LEAST_THREADS = 128;

/** Registers of a multiprocessor. */
const REGISTERS = 65_536;

/**
 * Registers of a thread that kernels take at most on any architecture, by group size; those with a scale per group of elements
 * take more.
 */
const TAKEN: Readonly<Record<Shot, Readonly<Record<'any' | 'group', readonly number[]>>>> = {
  'one-shot': { any: [64, 64, 72, 128], group: [72, 72, 96, 160] },
  'two-shot': { any: [64, 72, 80, 160], group: [88, 88, 96, 160] },
};

/** World sizes that the header instantiates. */
export const GROUP_SIZES: readonly number[] = [2, 4, 8, 16];

/** Each thread holds 16 bytes of a row. */
const VECTOR_BYTES = 16;

/** Elements that a row's length must be a multiple of: 8 for 16-bit types, 4 for f32. */
export function vectorElements(dtype: IoDType): number {
  return VECTOR_BYTES / itemsize(dtype);
}

/**
 * Threads per block of the launcher's first configuration: the largest cluster up to 8 that divides the threads of a
 * row, into blocks that are not small and hold whole groups of a shared scale. Later adjustments only lower the cluster while
 * the block stays within its limit.
 */
export function threadsPerBlock(hidden: number, dtype: IoDType, group: number | null): number {
  const vector = vectorElements(dtype);
  const perRow = hidden / vector;
  let cluster = MAX_CLUSTER;
  while (perRow % cluster !== 0) cluster /= 2;
  const small = (): boolean =>
    perRow / cluster < LEAST_THREADS ||
    (group !== null && ((perRow / cluster) * vector) % group !== 0);
  while (cluster > 1 && small()) cluster /= 2;
  return perRow / cluster;
}

/** Threads per block that the registers of a kernel allow, in whole warps. */
export function mostThreads(shot: Shot, size: number, scaled: boolean): number {
  const taken = TAKEN[shot][scaled ? 'group' : 'any'][GROUP_SIZES.indexOf(size)];
  if (taken === undefined) return MAX_THREADS;
  return Math.min(MAX_THREADS, Math.floor(REGISTERS / taken / 32) * 32);
}
