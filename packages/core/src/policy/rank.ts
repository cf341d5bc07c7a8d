import type { Candidate, Cell, Evidence, EvidenceKind, Margin } from '@arfuse/contract';

/** A candidate with a time. Times are compared as integer nanoseconds, so that every platform decides alike. */
export interface Timed {
  readonly candidate: Candidate;
  readonly evidence: Evidence;
  readonly ns: number;
}

export function nanoseconds(us: number): number {
  return Math.round(us * 1000);
}

/** Candidates of a cell that have a time of one of the kinds. */
export function timedCandidates(cell: Cell, kinds: readonly EvidenceKind[]): Timed[] {
  const found: Timed[] = [];
  for (const candidate of cell.candidates) {
    const evidence = cell.evidence(candidate, kinds);
    if (evidence?.us !== undefined)
      found.push({ candidate, evidence, ns: nanoseconds(evidence.us) });
  }
  return found;
}

/** Whether `fast` beats `slow` by more than the margin. */
export function beats(
  fast: Pick<Timed, 'evidence' | 'ns'>,
  slow: Pick<Timed, 'evidence' | 'ns'>,
  margin: Margin,
): boolean {
  const spread = Math.max(fast.evidence.spread ?? 0, slow.evidence.spread ?? 0);
  const share = Math.max(margin.percent / 100, margin.spreads * spread);
  return slow.ns - fast.ns > slow.ns * share;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Unfused first, then the simpler, then the faster, then by name. */
function simplerFirst(a: Timed, b: Timed): number {
  return (
    Number(a.candidate.fused) - Number(b.candidate.fused) ||
    a.candidate.complexity - b.candidate.complexity ||
    a.candidate.steps.length - b.candidate.steps.length ||
    a.ns - b.ns ||
    byText(a.candidate.name, b.candidate.name)
  );
}

const fasterFirst = (a: Timed, b: Timed): number => a.ns - b.ns || simplerFirst(a, b);

export interface Ranking {
  readonly winner: Timed;
  /** The strongest other: for a fused winner the best unfused one, else the best of the rest. */
  readonly against: Timed | undefined;
}

/**
 * The simplest candidate that the fastest one does not beat by more than the margin. So a fused candidate wins only by
 * beating every unfused one.
 */
export function rank(timed: readonly Timed[], margin: Margin): Ranking | undefined {
  const sorted = [...timed].sort(fasterFirst);
  const best = sorted[0];
  if (!best) return undefined;
  const winner = sorted
    .filter((entry) => entry === best || !beats(best, entry, margin))
    .sort(simplerFirst)[0]!;
  const others = sorted.filter((entry) => entry !== winner);
  const against =
    (winner.candidate.fused ? others.find((entry) => !entry.candidate.fused) : undefined) ??
    others[0];
  return { winner, against };
}

/** `11.70 µs`. */
export function formatNs(ns: number): string {
  return `${(ns / 1000).toFixed(2)} µs`;
}

/** Why the winner of a ranking won, in one sentence. */
export function rankingReason({ winner, against }: Ranking): string {
  const own = `${winner.evidence.kind} ${formatNs(winner.ns)}`;
  if (!against) return `${own}; no other candidate has a time.`;
  const percent = Math.abs(
    ((against.ns - winner.ns) / Math.max(against.ns, winner.ns)) * 100,
  ).toFixed(0);
  const other = `${formatNs(against.ns)} for ${against.candidate.name}`;
  if (against.ns > winner.ns) return `${own} against ${other} (${percent} % less).`;
  if (against.ns === winner.ns) return `${own}, as ${other}; the simpler one stays.`;
  return `${own} against ${other}; a gain of ${percent} % is within the margin, so the simpler one stays.`;
}
