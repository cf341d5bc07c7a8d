import type { EngineChain, PlanStep } from '@arfuse/contract';
import type { Engine } from '@arfuse/engines';
import { DEFAULT_MARGIN } from '../policy/default-policy.ts';
import { beats, nanoseconds } from '../policy/rank.ts';
import type { Launch, ReportClass } from './report-classes.ts';
import type { TimedChain } from './report-types.ts';

const chainOf = (engine: Engine, { scope }: ReportClass, { tokens, mode }: Launch): EngineChain =>
  engine.today({ ...scope, tokens, mode });

/** Steps with their time at a launch size. */
export function timed(
  { times }: ReportClass,
  { tokens, mode }: Launch,
  steps: readonly PlanStep[],
  fused: boolean,
  rule: string,
): TimedChain {
  const evidence = times.find(steps, tokens, mode);
  return {
    kernels: steps.map(({ kernel }) => kernel),
    fused,
    us: evidence?.us ?? null,
    evidence,
    rule,
  };
}

export const sameKernels = (a: TimedChain, b: TimedChain): boolean =>
  a.kernels.join(' + ') === b.kernels.join(' + ');

/** The chains of one engine over all classes and launches. */
export type Grid = readonly (readonly TimedChain[])[];

export function gridOf(
  engine: Engine,
  classes: readonly ReportClass[],
  launches: readonly Launch[],
): Grid {
  return classes.map((entry) =>
    launches.map((launch) => {
      const { steps, fused, rule } = chainOf(engine, entry, launch);
      return timed(entry, launch, steps, fused, rule);
    }),
  );
}

/** What settings save against today. */
export interface Gain {
  /** Weighted microseconds per step, over cells whose both sides have a time. */
  readonly us: number;
  /** Cells that change. */
  readonly changed: number;
  /** Cells that change and cannot be compared. */
  readonly unknown: number;
}

export function gainOf(
  today: Grid,
  other: Grid,
  classes: readonly ReportClass[],
  launches: readonly Launch[],
): Gain {
  let [us, changed, unknown] = [0, 0, 0];
  classes.forEach(({ ops }, c) => {
    launches.forEach(({ share }, l) => {
      const [a, b] = [today[c]![l]!, other[c]![l]!];
      if (sameKernels(a, b)) return;
      changed += 1;
      if (a.us === null || b.us === null) unknown += 1;
      // A loss counts as it is, a gain only where it is more than noise.
      else if (b.us >= a.us || isFaster(b, a)) us += (a.us - b.us) * ops * share;
    });
  });
  return { us, changed, unknown };
}

/** Whether a chain beats another by more than the default margin. */
export function isFaster(a: TimedChain, b: TimedChain): boolean {
  if (!a.evidence || !b.evidence || a.us === null || b.us === null) return false;
  return beats(
    { evidence: a.evidence, ns: nanoseconds(a.us) },
    { evidence: b.evidence, ns: nanoseconds(b.us) },
    DEFAULT_MARGIN,
  );
}

/** Gains below this are rounding: nanoseconds are what tables hold. */
export const LEAST_GAIN_US = 0.001;
