import { itemsize, type StepRequest } from '@arfuse/contract';

/** The two algorithms. */
export type Shot = 'one-shot' | 'two-shot';

/** Largest Lamport buffer: offsets of up to twice its size are computed in 32-bit integers. */
export const MAX_LAMPORT_BYTES = 2 ** 30 - 1;

/** Element indices over all ranks' slots are 32-bit integers. */
export const MAX_ELEMENTS = 2 ** 31 - 1;

/** Elements that all ranks' slots of the largest launch hold. */
export function slotElements({ group, rows, hidden }: StepRequest): number {
  return group.size * rows.max * hidden;
}

/** Bytes of one of the three Lamport buffers: a slot per rank. */
export function lamportBytes(request: StepRequest): number {
  return slotElements(request) * itemsize(request.dtype);
}

/**
 * Bytes that a rank keeps. One-shot: three Lamport buffers. Two-shot: its own input and the sum, and 256 barrier flags
 * per rank. Both: five control words and a table of 3·N+1 pointers. A zeroed residual adds one activation.
 */
export function workspaceBytes(shot: Shot, request: StepRequest, zeroResidual: boolean): number {
  const { size } = request.group;
  const activation = request.rows.max * request.hidden * itemsize(request.dtype);
  const exchange =
    shot === 'one-shot' ? 3 * lamportBytes(request) : 2 * activation + size * 256 * 4;
  return exchange + 5 * 4 + (3 * size + 1) * 8 + (zeroResidual ? activation : 0);
}
