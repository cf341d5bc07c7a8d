import type { OpenedRanks } from './open-ranks.ts';

/** Ranks of other processes that found something wrong. All processes ask. */
export async function failedRanks(
  { place, groups }: OpenedRanks,
  passed: boolean,
): Promise<number[]> {
  if (place.here.length === place.ranks) return [];
  const verdicts = await groups[0]!.exchange(Uint8Array.of(passed ? 0 : 1));
  return [...verdicts.keys()].filter(
    (rank) => verdicts[rank]![0] === 1 && !place.here.includes(rank),
  );
}
