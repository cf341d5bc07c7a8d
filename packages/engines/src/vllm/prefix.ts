import type { LaunchMode, PlanDecision, PlanSegment } from '@arfuse/contract';

/** How long a class takes when vLLM fuses it or not; undefined where nobody knows. */
export type VllmTimes = (question: {
  readonly class: string;
  readonly fused: boolean;
  readonly tokens: number;
  readonly mode: LaunchMode;
}) => number | undefined;

/** Whether a segment performs its chain, from the all-reduce to the norm, by one FlashInfer kernel. */
export function isFused({ steps }: PlanSegment): boolean {
  return steps.some(
    ({ kernel, covers }) =>
      kernel.startsWith('@arfuse/flashinfer/') &&
      covers.includes('all_reduce') &&
      covers.includes('norm'),
  );
}

/** The last token count up to which every decision is fused without a gap; 0 when one starts unfused. */
export function longestPrefix(decisions: readonly PlanDecision[]): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const { segments } of decisions) {
    let end = 0;
    for (const segment of segments) {
      if (!isFused(segment)) break;
      end = segment.tokens[1];
    }
    shortest = Math.min(shortest, end);
  }
  return Number.isFinite(shortest) ? shortest : 0;
}

interface Sample {
  readonly tokens: number;
  /** Time saved by fusing at this row count, over all sites; negative where fusing loses. */
  readonly saved: number;
}

/** Segment ends and powers of two, where both times are known. */
function samplesOf({ class: id, sites, segments }: PlanDecision, times: VllmTimes): Sample[] {
  const found: Sample[] = [];
  for (const {
    tokens: [min, max],
    mode,
  } of segments) {
    const counts = new Set([min, max]);
    for (let power = 1; power <= max; power *= 2) if (power >= min) counts.add(power);
    for (const tokens of counts) {
      const fused = times({ class: id, fused: true, tokens, mode });
      const unfused = times({ class: id, fused: false, tokens, mode });
      if (fused === undefined || unfused === undefined) continue;
      found.push({ tokens, saved: (unfused - fused) * sites.length });
    }
  }
  return found;
}

/**
 * The prefix `1 … T` of least expected time over all decisions, `T` a segment's end or 0; ties go to the shorter.
 * Undefined when no time is known.
 */
export function cheapestPrefix(
  decisions: readonly PlanDecision[],
  times: VllmTimes,
): number | undefined {
  const samples = decisions.flatMap((decision) => samplesOf(decision, times));
  if (samples.length === 0) return undefined;
  const ends = [
    ...new Set(decisions.flatMap(({ segments }) => segments.map(({ tokens }) => tokens[1]))),
  ].sort((a, b) => a - b);
  let best = { end: 0, saved: 0 };
  for (const end of ends) {
    const saved = samples.reduce(
      (sum, sample) => sum + (sample.tokens <= end ? sample.saved : 0),
      0,
    );
    if (saved > best.saved) best = { end, saved };
  }
  return best.end;
}
