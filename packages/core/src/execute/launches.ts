import {
  type LaunchMode,
  type Plan,
  type PlanSegment,
  type SiteClass,
  UsageError,
} from '@arfuse/contract';
import { segmentFor } from '../rewrite/rewrite.ts';

/** One launch to make: a class, for so many rows, by the segment that serves them. */
export interface PlannedLaunch {
  readonly site: SiteClass;
  readonly segment: PlanSegment;
  readonly tokens: number;
  readonly mode: LaunchMode;
}

/** Classes that have a site. */
function launchedClasses(plan: Plan): SiteClass[] {
  const used = new Set(plan.sites.map((site) => site.class));
  return plan.classes.filter(({ id }) => used.has(id));
}

/** @throws UsageError for a token count that the plan does not decide */
export function checkTokens(plan: Plan, tokens: readonly number[]): void {
  const { max } = plan.target.tokens;
  for (const count of tokens) {
    if (Number.isInteger(count) && count >= 1 && count <= max) continue;
    throw new UsageError({
      message: `tokens: ${count} cannot be launched.`,
      hint: `The plan decides 1 to ${max} tokens.`,
      details: { tokens: count, max },
    });
  }
}

/**
 * The launches that show every decision of a plan: each class and segment for the smallest and the largest token count that
 * it serves; with `tokens`, each class for these.
 */
export function launchesOf(plan: Plan, tokens?: readonly number[]): PlannedLaunch[] {
  if (tokens) {
    checkTokens(plan, tokens);
    return launchedClasses(plan).flatMap((site) =>
      tokens.map((count) => {
        const segment = segmentFor(plan, site.id, count);
        return { site, segment, tokens: count, mode: segment.mode };
      }),
    );
  }
  return launchedClasses(plan).flatMap((site) => {
    const segments = plan.decisions.find((decision) => decision.class === site.id)?.segments ?? [];
    return segments.flatMap((segment) =>
      [...new Set(segment.tokens)].map((count) => ({
        site,
        segment,
        tokens: count,
        mode: segment.mode,
      })),
    );
  });
}

/**
 * The plan for launches of up to `most` tokens. Its buffers end where the largest launch ends, so that a write past the end
 * falls into a guard band; what it decides stays the same, and so does its hash.
 */
export function planUpTo(plan: Plan, most: number): Plan {
  const { tokens } = plan.target;
  const upTo = (segments: readonly PlanSegment[]): PlanSegment[] =>
    segments
      .filter(({ tokens: [min] }) => min <= most)
      .map((segment) => ({
        ...segment,
        tokens: [segment.tokens[0], Math.min(segment.tokens[1], most)] as const,
      }));
  return {
    ...plan,
    target: {
      ...plan.target,
      tokens: {
        max: Math.min(tokens.max, most),
        buckets: tokens.buckets.filter((bucket) => bucket <= most),
        graphUpTo: Math.min(tokens.graphUpTo, most),
      },
    },
    decisions: plan.decisions.map((decision) => ({
      ...decision,
      segments: upTo(decision.segments),
    })),
  };
}
