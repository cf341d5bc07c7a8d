import { itemsize, type SiteClass } from '@arfuse/contract';
import type { VllmSizeTable } from './versions.ts';

const MIB = 2 ** 20;

/** FlashInfer's forms of the fusion, as plans name them. */
export const ONE_SHOT = '@arfuse/flashinfer/one-shot';
export const TWO_SHOT = '@arfuse/flashinfer/two-shot';

/** Bytes of one row of a class's activations. */
export const rowBytes = ({ hidden, dtype }: Pick<SiteClass, 'hidden' | 'dtype'>): number =>
  hidden * itemsize(dtype);

/**
 * The row count up to which a fused launch takes the one-shot form: sizes up to the table's entry, inclusive, and
 * every size where the table has none (vllm 0.33.0: allreduce_rms_fusion.py:158-176).
 */
export function lastOneShotRows(
  site: Pick<SiteClass, 'hidden' | 'dtype'>,
  limitMiB: number | undefined,
): number {
  if (limitMiB === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor((limitMiB * MIB) / rowBytes(site));
}

/** The entry of a size table, absent where the table has none. */
export const entryOf = (
  table: VllmSizeTable,
  capability: number,
  groupSize: number,
): number | undefined => table[capability]?.[groupSize];
