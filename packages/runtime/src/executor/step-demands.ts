import {
  canonicalJson,
  type LaunchMode,
  type Plan,
  type PlanDecision,
  PlanError,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
  type Stage,
  type StepDemand,
} from '@arfuse/contract';

/** A step of a segment with what it leaves. */
export interface PlannedStep {
  readonly demand: StepDemand;
  /** Equal for steps that differ in their row counts only. */
  readonly key: string;
  /** Whether the ranks meet in it. */
  readonly collective: boolean;
  /** Which of the travelling values the run reads: all, or one half of a merged pair. */
  readonly reads: 'all' | 0 | 1;
  /** Name of the value that travels on; undefined when it is no result of the site. */
  readonly leaves: SiteOutput | undefined;
  /** Whether a later step reads the travelling value. */
  readonly travels: boolean;
}

/** A segment with its steps. */
export interface PlannedSegment {
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  readonly steps: readonly PlannedStep[];
}

/** Results that a stage may leave. */
const RESULT: Readonly<Partial<Record<Stage['kind'], SiteOutput>>> = {
  pre_norm: 'pre_norm',
  residual: 'residual',
  norm: 'norm',
};

/** The result that the travelling value is after the stage at `at` of the whole order; undefined before a bias or a merge. */
function valueAfter(order: readonly Stage[], at: number): SiteOutput | undefined {
  const stage = order[at]!;
  const own = RESULT[stage.kind];
  if (own || stage.kind === 'quant') return own;
  const next = order[at + 1]?.kind;
  const unfinished = next === 'bias' || next === 'scale' || next === 'merge';
  const half = stage.kind === 'merge' && next === 'all_reduce';
  const of = stage.kind === 'all_reduce' && stage.partial !== undefined;
  return unfinished || half || of ? undefined : 'all_reduce';
}

function segmentSteps(site: SiteClass, segment: PlanSegment): PlannedStep[] {
  const placed = placeSteps(site, segment.steps);
  const order = placed.flatMap(({ stages }) => stages);
  let end = 0;
  return placed.map(({ step, stages }, index) => {
    const start = end;
    end += stages.length;
    const outputs = new Set<SiteOutput>();
    for (let at = start; at < end; at += 1) {
      const value = valueAfter(order, at);
      if (value && site.outputs.includes(value)) outputs.add(value);
      if (order[at]!.kind === 'quant')
        for (const name of ['quant', 'scale'] as const)
          if (site.outputs.includes(name)) outputs.add(name);
    }
    const leaves = valueAfter(order, end - 1);
    const travels = index < placed.length - 1;
    if (travels && leaves) outputs.add(leaves);
    const [first] = stages;
    const halves = first?.kind === 'all_reduce' ? first.partial : undefined;
    const demand: StepDemand = {
      kernel: step.kernel,
      params: step.params,
      stages,
      outputs: [...outputs],
      numerics: segment.numerics,
      hidden: site.hidden,
      dtype: site.dtype,
      rows: { min: segment.tokens[0], max: segment.tokens[1] },
    };
    const { rows: _, ...constant } = demand;
    return {
      demand,
      key: canonicalJson({ ...constant, leaves: leaves ?? null, travels }),
      collective: stages.some((stage) => stage.kind === 'all_reduce'),
      reads: halves ?? 'all',
      leaves,
      travels,
    };
  });
}

/** The segments of a decision with their steps. @throws PlanError when its class does not exist */
export function plannedSegments(plan: Plan, decision: PlanDecision): PlannedSegment[] {
  const site = plan.classes.find(({ id }) => id === decision.class);
  if (!site) {
    throw new PlanError({
      message: `a decision names class "${decision.class}", which does not exist.`,
      hint: 'Make the plan again.',
    });
  }
  return decision.segments.map((segment) => ({
    tokens: segment.tokens,
    mode: segment.mode,
    steps: segmentSteps(site, segment),
  }));
}

/** Joins demands that differ in their row counts only. */
export function joinDemands(steps: readonly PlannedStep[]): Map<string, StepDemand> {
  const joined = new Map<string, StepDemand>();
  for (const { demand, key } of steps) {
    const { rows } = joined.get(key) ?? demand;
    joined.set(key, {
      ...demand,
      rows: { min: Math.min(rows.min, demand.rows.min), max: Math.max(rows.max, demand.rows.max) },
    });
  }
  return joined;
}

/**
 * Segment by token count, for a launch without a search: entry `t` is the index of the segment that serves `t` tokens in
 * the mode, or, where the plan has none of that mode, in the other; −1 where it decides nothing.
 */
export function segmentTable(
  segments: readonly PlannedSegment[],
  mode: LaunchMode,
  maxTokens: number,
): Int16Array {
  const table = new Int16Array(maxTokens + 1).fill(-1);
  const byMode = [...segments.keys()].sort(
    (a, b) => Number(segments[a]!.mode === mode) - Number(segments[b]!.mode === mode),
  );
  for (const index of byMode) {
    const [min, max] = segments[index]!.tokens;
    table.fill(index, min, Math.min(max, maxTokens) + 1);
  }
  return table;
}
