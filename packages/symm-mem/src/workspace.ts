/** Largest tensors of the exchanges that share a workspace, in bytes; 0 for a kind that is not used. */
export interface WorkspaceRoom {
  readonly size: number;
  readonly oneShotBytes: number;
  readonly twoShotBytes: number;
}

const VECTOR = 16;
/** Slots begin on lines. */
const LINE = 256;
/** A workspace has whole pages, so that its handle opens nothing else of the process. */
const PAGE = 2 * 2 ** 20;
/** Control words, and one line of flags for each of two phases and 64 blocks. */
const HEAD_BYTES = 128 + 2 * 64 * 128;

const roundUp = (bytes: number, multiple: number): number => Math.ceil(bytes / multiple) * multiple;

/**
 * Bytes of a rank's workspace: two buffers that alternate, with a slot for each rank's tensor (one-shot), or for each rank's
 * part of a slice and the sums of all slices (two-shot). The addon lays it out; planning has no addon, and a test holds
 * this to it.
 */
export function workspaceBytes({ size, oneShotBytes, twoShotBytes }: WorkspaceRoom): number {
  const slice = Math.ceil(Math.ceil(twoShotBytes / VECTOR) / size) * VECTOR;
  const oneShot = size * roundUp(oneShotBytes, LINE);
  const twoShot = size * roundUp(slice, LINE) + roundUp(twoShotBytes, LINE);
  return roundUp(roundUp(HEAD_BYTES, LINE) + 2 * Math.max(oneShot, twoShot), PAGE);
}
