import { UnsupportedError, UsageError } from '@arfuse/contract';

const MOST_RANKS_PER_DEVICE = 64;

/** @throws UsageError */
export function checkRanksPerDevice(ranksPerDevice: number): number {
  if (
    Number.isInteger(ranksPerDevice) &&
    ranksPerDevice >= 1 &&
    ranksPerDevice <= MOST_RANKS_PER_DEVICE
  )
    return ranksPerDevice;
  throw new UsageError({
    message: `ranksPerDevice is ${String(ranksPerDevice)}.`,
    hint: `Use a whole number from 1 to ${MOST_RANKS_PER_DEVICE}.`,
    details: { ranksPerDevice },
  });
}

/**
 * The GPU of each rank when one process drives all of them: one each, or, only where that is asked for, several ranks each.
 * @param ranks - of the plan's group
 * @param gpus - that this process sees
 * @returns ordinals by rank
 * @throws UnsupportedError when there are too few GPUs
 */
export function placeRanks(ranks: number, gpus: number, ranksPerDevice: number): number[] {
  const needed = Math.ceil(ranks / checkRanksPerDevice(ranksPerDevice));
  if (needed <= gpus)
    return Array.from({ length: ranks }, (_, rank) => Math.floor(rank / ranksPerDevice));
  const sharing = Math.ceil(ranks / Math.max(1, gpus));
  throw new UnsupportedError({
    message:
      `the plan is for ${ranks} ranks, which need ${needed} GPUs with ${ranksPerDevice} per GPU; ` +
      `this process sees ${gpus}.`,
    hint:
      gpus > 0 && sharing <= MOST_RANKS_PER_DEVICE
        ? `For a test, ${sharing} ranks may share a GPU (ranksPerDevice ${sharing}); else plan for ${gpus} ranks, or use a machine with ${ranks} GPUs.`
        : `Use a machine with ${ranks} GPUs.`,
    details: { ranks, gpus, ranksPerDevice },
  });
}

/**
 * The GPU of a rank that has a process of its own. Where a launcher shows each process one GPU only, that one.
 * @throws UnsupportedError when this process sees no such GPU
 */
export function deviceOfProcess(localRank: number, gpus: number, ranksPerDevice: number): number {
  const ordinal = Math.floor(localRank / checkRanksPerDevice(ranksPerDevice));
  if (ordinal < gpus) return ordinal;
  if (gpus === 1) return 0;
  throw new UnsupportedError({
    message: `local rank ${localRank} drives GPU ${ordinal}; this process sees ${gpus}.`,
    hint: 'Start at most as many processes as the machine has GPUs; several share one only with ranksPerDevice.',
    details: { localRank, gpus, ranksPerDevice },
  });
}

/**
 * Checks that no more ranks drive a device than was asked for: processes cannot see that they share one.
 * @param identities - of each rank's device, by rank
 * @throws UnsupportedError that names the ranks
 */
export function checkSharing(identities: readonly string[], ranksPerDevice: number): void {
  const ranksOf = new Map<string, number[]>();
  for (const [rank, identity] of identities.entries())
    ranksOf.set(identity, [...(ranksOf.get(identity) ?? []), rank]);
  for (const ranks of ranksOf.values()) {
    if (ranks.length <= ranksPerDevice) continue;
    throw new UnsupportedError({
      message: `ranks ${ranks.join(', ')} drive the same GPU.`,
      hint: `Give each its own GPU; for a test, say that ${ranks.length} ranks may share one (ranksPerDevice ${ranks.length}).`,
      details: { ranks, ranksPerDevice },
    });
  }
}
