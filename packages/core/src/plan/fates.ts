import type { CandidateFate, PlanSegment } from '@arfuse/contract';
import type { RangedCandidate } from '../candidates/candidates.ts';
import { nanoseconds } from '../policy/rank.ts';
import { type ClassDecider, type DecidedCell, LADDER } from './decide-class.ts';

type Range = [min: number, max: number];

export function formatRange([min, max]: readonly [number, number]): string {
  return min === max ? `${min}` : `${min}–${max}`;
}

function addRange(ranges: Range[], [min, max]: readonly [number, number]): void {
  const previous = ranges.at(-1);
  if (previous && previous[1] + 1 === min) previous[1] = max;
  else ranges.push([min, max]);
}

/** How a candidate's times compare with those of the choice, over the cells where both have one. */
function losses(name: string, cells: readonly DecidedCell[]): string | undefined {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let from = 0;
  let to = 0;
  for (const { cell, decision } of cells) {
    const candidate = cell.candidates.find((entry) => entry.name === name);
    if (!candidate || candidate.name === decision.candidate.name) continue;
    if (decision.denied?.some((entry) => entry.candidate === name)) continue;
    const chosenEvidence =
      decision.evidence.us === undefined ? cell.evidence(decision.candidate) : decision.evidence;
    const chosen = chosenEvidence?.us;
    // A weaker kind of evidence says nothing against a stronger one.
    const kind = LADDER.indexOf(chosenEvidence?.kind ?? 'static');
    const own = cell.evidence(candidate, kind < 0 ? LADDER : LADDER.slice(0, kind + 1))?.us;
    if (own === undefined || chosen === undefined || nanoseconds(chosen) === 0) continue;
    const percent = Math.round(
      ((nanoseconds(own) - nanoseconds(chosen)) * 100) / nanoseconds(chosen),
    );
    if (from === 0) from = cell.tokens;
    to = cell.tokens;
    least = Math.min(least, percent);
    most = Math.max(most, percent);
  }
  if (from === 0) return undefined;
  return `${comparison(least, most)} than the choice at ${formatRange([from, to])} tokens.`;
}

/** `takes 3 to 20 % more time`, or less where a margin or a rule kept the choice. */
function comparison(least: number, most: number): string {
  if (least >= 0) return `takes ${least === most ? least : `${least} to ${most}`} % more time`;
  if (most <= 0) return `takes ${least === most ? -least : `${-most} to ${-least}`} % less time`;
  return `takes between ${-least} % less and ${most} % more time`;
}

/** What became of each candidate over the token domain, in the order in which they were tried. */
export function fatesOf(decider: ClassDecider, segments: readonly PlanSegment[]): CandidateFate[] {
  const cells = decider.decidedCells();
  const chosen = new Map<string, Range[]>();
  for (const segment of segments) {
    const tokens = segment.tokens;
    const span = decider.spans.find(({ min, max }) => min <= tokens[0] && tokens[0] <= max)!;
    const { name } = decider.decide(span, span.padded ?? tokens[0]).decision.candidate;
    const ranges = chosen.get(name) ?? [];
    addRange(ranges, tokens);
    chosen.set(name, ranges);
  }
  const denied = new Map<string, Set<string>>();
  for (const { decision } of cells) {
    for (const { candidate, reason } of decision.denied ?? []) {
      const reasons = denied.get(candidate) ?? new Set();
      denied.set(candidate, reasons.add(reason));
    }
  }
  const byName = new Map<string, RangedCandidate[]>();
  for (const entry of decider.candidates) {
    const list = byName.get(entry.candidate.name);
    if (list) list.push(entry);
    else byName.set(entry.candidate.name, [entry]);
  }
  return [...byName].map(([name, entries]): CandidateFate => {
    const ranges = chosen.get(name) ?? [];
    const refusals = new Set<string>();
    for (const { refusals: list } of entries) {
      for (const { tokens, reasons } of list) {
        for (const reason of reasons)
          refusals.add(tokens === null ? reason : `tokens ${formatRange(tokens)}: ${reason}`);
      }
    }
    const lost = losses(name, cells);
    const admitted = entries.some((entry) => entry.admitted.length > 0);
    const ruledOut = [...(denied.get(name) ?? [])];
    const fate: CandidateFate['fate'] =
      ranges.length > 0
        ? 'chosen'
        : !admitted
          ? 'refused'
          : ruledOut.length > 0
            ? 'denied'
            : lost === undefined
              ? 'no evidence'
              : 'slower';
    return {
      name,
      kernels: entries[0]!.candidate.steps.map((step) => step.kernel),
      fate,
      tokens: ranges,
      reasons: [...(lost === undefined ? [] : [lost]), ...ruledOut, ...refusals],
    };
  });
}
