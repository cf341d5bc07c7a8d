/**
 * Maps a value of every rank; ranks that share one value, because they reduced together, share its image, so that what
 * follows is done once for all of them.
 */
export function mapRanks<T extends object, U>(
  values: readonly T[],
  map: (value: T, rank: number) => U,
): U[] {
  const known = new Map<T, U>();
  return values.map((value, rank) => {
    if (!known.has(value)) known.set(value, map(value, rank));
    return known.get(value)!;
  });
}
