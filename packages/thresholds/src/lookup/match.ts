import type { TableKey, TablePattern } from '@arfuse/contract';
import type { EvidenceContext } from './query.ts';

/** A norm alone: what it takes does not depend on the group. */
export function isLocal(pattern: TablePattern): boolean {
  return pattern === 'rms' || pattern === 'add_rms';
}

/** Whether a row of a table says anything about a box; fields that its source left open match everything. */
export function sameBox(key: TableKey, context: EvidenceContext): boolean {
  if (key.capability !== context.capability) return false;
  if (key.sku !== null && key.sku !== context.sku) return false;
  if (isLocal(key.pattern)) return true;
  return (
    key.groupSize === context.groupSize &&
    key.nodes === context.nodes &&
    (key.interconnect === null || key.interconnect === context.interconnect) &&
    // Multicast is of use to groups of more than two ranks only; NCCL takes it from three on.
    (key.multicast === null || key.multicast === context.multicast || key.groupSize === 2)
  );
}

/** The pattern whose rows stand in for another's: every fused chain moves what all-reduce + add + RMSNorm moves. */
export function standIn(pattern: TablePattern): TablePattern {
  if (pattern === 'all_reduce') return pattern;
  return isLocal(pattern) ? 'add_rms' : 'ar_add_rms';
}

/** A field in which a row differs from the question, and how far that weakens it. */
export interface Difference {
  readonly weight: number;
  readonly text: string;
}

/** Differences of a matching row from the question, beyond hidden size; none means measured. */
export function differences(
  key: TableKey,
  context: EvidenceContext,
  variant: string | undefined,
): Difference[] {
  const found: Difference[] = [];
  if (key.sku === null) found.push({ weight: 8, text: 'its source names no GPU model' });
  if (key.pattern !== context.pattern)
    found.push({ weight: 4, text: `measured for ${key.pattern}` });
  if (key.mode !== context.mode) {
    found.push({
      weight: 2,
      text: key.mode === 'graph' ? 'measured in a CUDA graph' : 'measured eagerly',
    });
  }
  if (variant !== undefined) found.push({ weight: 2, text: `measured with ${variant}` });
  if (key.dtype !== context.dtype) found.push({ weight: 1, text: `measured in ${key.dtype}` });
  return found;
}
