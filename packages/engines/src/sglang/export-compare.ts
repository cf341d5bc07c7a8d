import type { LaunchMode, PlanSegment, PlanStep } from '@arfuse/contract';
import type { Engine, EngineScope } from '../engine.ts';

/** A class or a plain all-reduce of a plan, and how SGLang would see it. */
export interface Comparison {
  readonly id: string;
  /** Sites, or all-reduces, that it stands for. */
  readonly weight: number;
  readonly scope: EngineScope;
  readonly segments: readonly PlanSegment[];
}

/** The kernel of the all-reduce, and whether it performs a norm too. */
export interface Reduction {
  readonly kernel: string;
  readonly step: PlanStep;
  readonly fused: boolean;
}

/** Undefined for steps without an all-reduce. */
export function reductionOf(steps: readonly PlanStep[]): Reduction | undefined {
  const step = steps.find(({ covers }) => covers.includes('all_reduce'));
  if (!step) return undefined;
  const fused = step.covers.includes('norm') || step.covers.includes('pre_norm');
  return { kernel: step.kernel, step, fused };
}

/** What SGLang does in a range where the plan and SGLang each give one answer. */
export interface Difference {
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  readonly planned: Reduction;
  readonly actual: Reduction;
}

/** Ranges of a segment that an engine answers alike. */
function pieces(
  [min, max]: readonly [number, number],
  edges: readonly number[],
): (readonly [number, number])[] {
  const starts = [min, ...edges.filter((edge) => edge > min && edge <= max)];
  return starts.map((from, at) => [from, (starts[at + 1] ?? max + 1) - 1] as const);
}

/** Plan and engine side by side over the whole token domain. */
export function differences(engine: Engine, comparison: Comparison): Difference[] {
  const { scope, segments } = comparison;
  const edges = engine.edges(scope);
  const found: Difference[] = [];
  for (const { tokens, mode, steps } of segments) {
    const planned = reductionOf(steps);
    if (!planned) continue;
    for (const [min, max] of pieces(tokens, edges)) {
      const actual = reductionOf(engine.today({ ...scope, tokens: max, mode }).steps)!;
      const last = found.at(-1);
      const same =
        last !== undefined &&
        last.tokens[1] + 1 === min &&
        last.planned.kernel === planned.kernel &&
        last.planned.fused === planned.fused &&
        last.actual.fused === actual.fused &&
        // Where only one of the two fuses, its form does not matter.
        (planned.fused !== actual.fused || last.actual.kernel === actual.kernel);
      if (same) found[found.length - 1] = { ...last, tokens: [last.tokens[0], max] };
      else found.push({ tokens: [min, max], mode, planned, actual });
    }
  }
  return found;
}

/** Row counts at which launches are counted: buckets, ends of segments, and powers of two between them. */
function launchedAt({ segments, scope }: Comparison): { tokens: number; mode: LaunchMode }[] {
  const counts = new Set(segments.flatMap(({ tokens }) => tokens));
  const max = Math.max(0, ...counts);
  for (const bucket of scope.target.tokens.buckets) if (bucket <= max) counts.add(bucket);
  for (let power = 1; power <= max; power *= 2) counts.add(power);
  return [...counts].flatMap((tokens) => {
    const segment = segments.find((one) => tokens >= one.tokens[0] && tokens <= one.tokens[1]);
    return segment ? [{ tokens, mode: segment.mode }] : [];
  });
}

/** How often an engine does what a plan says. */
export interface Agreement {
  /** Launches of sites that run the planned kernel. */
  readonly same: number;
  readonly of: number;
  /** Launches that are fused where the plan does not fuse, or not where it does. */
  readonly otherwiseFused: number;
}

/** Counts launches of all sites at each row count, all row counts alike. */
export function agreementOf(engine: Engine, comparisons: readonly Comparison[]): Agreement {
  let [same, of, otherwiseFused] = [0, 0, 0];
  for (const comparison of comparisons) {
    const { segments, scope, weight } = comparison;
    for (const { tokens, mode } of launchedAt(comparison)) {
      const segment = segments.find((one) => tokens >= one.tokens[0] && tokens <= one.tokens[1])!;
      const planned = reductionOf(segment.steps);
      if (!planned) continue;
      const actual = reductionOf(engine.today({ ...scope, tokens, mode }).steps)!;
      of += weight;
      if (actual.fused !== planned.fused) otherwiseFused += weight;
      else if (actual.kernel === planned.kernel) same += weight;
    }
  }
  return { same, of, otherwiseFused };
}
