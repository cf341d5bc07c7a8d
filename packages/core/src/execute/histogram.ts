import type { UlpHistogram } from './report.ts';

/** Name of the count that a distance belongs to: 0, 1 and 2 apart, then by powers of two. */
function bucketOf(ulps: number): string {
  if (!Number.isFinite(ulps)) return 'other';
  if (ulps <= 2) return String(ulps);
  const most = 2 ** Math.ceil(Math.log2(ulps));
  return `${most / 2 + 1}–${most}`;
}

const orderOf = (name: string): number =>
  name === 'other' ? Number.POSITIVE_INFINITY : Number.parseInt(name, 10);

/** Counts distances. */
export class UlpCounts {
  readonly #counts = new Map<string, number>();

  add(ulps: number, elements = 1): void {
    const bucket = bucketOf(ulps);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + elements);
  }

  /** In ascending order. */
  histogram(): UlpHistogram {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => orderOf(a) - orderOf(b)));
  }
}

/** The sum of histograms. */
export function sumHistograms(histograms: readonly UlpHistogram[]): UlpHistogram {
  const sum = new Map<string, number>();
  for (const histogram of histograms)
    for (const [bucket, count] of Object.entries(histogram))
      sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return Object.fromEntries([...sum].sort(([a], [b]) => orderOf(a) - orderOf(b)));
}
