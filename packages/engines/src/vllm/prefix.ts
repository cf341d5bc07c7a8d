import type { PlanDecision } from '@arfuse/contract';
import { fusedKernel, isFused } from './fused-step.ts';
import type { VllmTimes } from './recorded-times.ts';

/** The last token count up to which every decision is fused without a gap; 0 when one starts unfused. */
export function longestPrefix(decisions: readonly PlanDecision[]): number {
  if (decisions.length === 0) return 0;
  return Math.min(
    ...decisions.map(({ segments }) => {
      const gap = segments.find((segment) => !isFused(segment));
      return gap ? gap.tokens[0] - 1 : (segments.at(-1)?.tokens[1] ?? 0);
    }),
  );
}

/** How often a row count is launched, relative to the others. */
export interface TokenWeight {
  readonly tokens: number;
  readonly weight: number;
}

/** What a limit is chosen from. */
export interface LimitQuestion {
  readonly decisions: readonly PlanDecision[];
  /** The kernel of a fused launch of a class at a row count. */
  readonly kernelAt: (id: string, tokens: number) => string;
  readonly times: VllmTimes;
  readonly mix?: readonly TokenWeight[];
}

/** A limit, and one sentence on how it was found. */
export interface ChosenLimit {
  readonly tokens: number;
  readonly reason: string;
  /** Whether the limit says all that the plan does. */
  readonly exact: boolean;
  /** Whether times of both alternatives decided; false where none were known. */
  readonly timed: boolean;
}

interface Sample {
  readonly tokens: number;
  /** Weighted time saved by fusing here, over all sites of a class; negative where fusing loses. */
  readonly saved: number;
}

/** The given mix, else the ends of all segments and the powers of two between them, alike. */
function launchesOf({ decisions, mix }: LimitQuestion): readonly TokenWeight[] {
  if (mix) return mix;
  const ends = decisions.flatMap(({ segments }) => segments.flatMap(({ tokens }) => tokens));
  const counts = new Set(ends);
  const max = Math.max(...ends);
  for (let power = 1; power <= max; power *= 2) counts.add(power);
  return [...counts].map((tokens) => ({ tokens, weight: 1 }));
}

/** Where both alternatives' times are known; every class is asked about the same row counts. */
function samplesOf(question: LimitQuestion): Sample[] {
  const { decisions, kernelAt, times } = question;
  return launchesOf(question).flatMap(({ tokens, weight }) =>
    decisions.flatMap(({ class: id, sites, segments }) => {
      const mode = segments.find((one) => tokens >= one.tokens[0] && tokens <= one.tokens[1])?.mode;
      if (mode === undefined) return [];
      const fused = times({ class: id, fused: true, kernel: kernelAt(id, tokens), tokens, mode });
      const unfused = times({ class: id, fused: false, tokens, mode });
      if (fused === undefined || unfused === undefined) return [];
      return [{ tokens, saved: (unfused - fused) * sites.length * weight }];
    }),
  );
}

/** Whether every decision is fused from 1 to one and the same row count, by the kernels that will really run. */
function isExact({ decisions, kernelAt }: LimitQuestion, end: number): boolean {
  return decisions.every(({ class: id, segments }) =>
    segments.every((segment) => {
      const kernel = fusedKernel(segment);
      if (kernel === undefined) return segment.tokens[0] > end;
      return (
        segment.tokens[1] <= end &&
        segment.tokens.every((tokens) => kernelAt(id, tokens) === kernel)
      );
    }),
  );
}

/**
 * The limit `1 … T` that costs least when all decisions are fused up to it and none above. A plan that says just that
 * is taken at its word; otherwise times decide, and limits of equal cost give way to the plan's longest common prefix,
 * else to the shortest. Row counts with an unknown time do not count.
 */
export function chooseLimit(question: LimitQuestion): ChosenLimit {
  const { decisions, mix } = question;
  const prefix = longestPrefix(decisions);
  if (isExact(question, prefix)) {
    const reason =
      prefix === 0
        ? 'The plan fuses nothing that vLLM can fuse.'
        : `The plan fuses exactly 1 to ${prefix} tokens.`;
    return { tokens: prefix, reason, exact: true, timed: false };
  }
  const samples = samplesOf(question);
  if (samples.length === 0) {
    return {
      tokens: prefix,
      reason: `No time is known at any row count both fused as vLLM would and unfused, so the limit is the longest range from 1 that the plan fuses for every class: ${prefix} tokens.`,
      exact: false,
      timed: false,
    };
  }
  const counts = [...new Set(samples.map(({ tokens }) => tokens))];
  const ends = [...new Set([0, prefix, ...counts])].sort((a, b) => a - b);
  const saved = (end: number): number =>
    samples.reduce((sum, sample) => sum + (sample.tokens <= end ? sample.saved : 0), 0);
  const most = Math.max(...ends.map(saved));
  const best = ends.filter((end) => saved(end) === most);
  const tokens = best.includes(prefix) ? prefix : best[0]!;
  const weight = mix
    ? mix.reduce((sum, launch) => sum + (counts.includes(launch.tokens) ? launch.weight : 0), 0)
    : counts.length;
  return {
    tokens,
    reason: `Of all limits, ${tokens} tokens costs least at the ${counts.length} row counts whose fused and unfused times are both known: ${(most / weight).toFixed(2)} µs per step less than no fusion, ${mix ? 'weighted by the given mix' : 'each row count alike'}.`,
    exact: false,
    timed: true,
  };
}
