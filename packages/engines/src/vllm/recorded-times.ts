import type { LaunchMode, Plan } from '@arfuse/contract';
import { fusedKernel } from './fused-step.ts';

/** One launch of a class as vLLM performs it. */
export interface VllmLaunch {
  /** Class id. */
  readonly class: string;
  readonly fused: boolean;
  /** The form that vLLM takes of a fused launch, e.g. `@arfuse/flashinfer/one-shot`; absent when not fused. */
  readonly kernel?: string;
  readonly tokens: number;
  readonly mode: LaunchMode;
}

/** How long a launch takes, in microseconds per site; undefined where nobody knows. */
export type VllmTimes = (launch: VllmLaunch) => number | undefined;

const keyOf = ({ class: id, kernel, tokens, mode }: VllmLaunch): string =>
  [id, mode, tokens, kernel ?? ''].join(' ');

/**
 * Times that a plan records: at the last row count of each segment of the engine's own dispatch (`plan.engine.today`)
 * and of the decisions. Where both know the unfused time, the engine's is taken, since vLLM would run that chain.
 */
export function recordedTimes(plan: Plan): VllmTimes {
  const known = new Map<string, number>();
  const record = (launch: VllmLaunch, us: number | undefined): void => {
    const key = keyOf(launch);
    if (us !== undefined && !known.has(key)) known.set(key, us);
  };
  for (const { class: id, segments } of [...(plan.engine?.today ?? []), ...plan.decisions]) {
    for (const segment of segments) {
      const kernel = fusedKernel(segment);
      record(
        {
          class: id,
          fused: kernel !== undefined,
          ...(kernel === undefined ? {} : { kernel }),
          tokens: segment.tokens[1],
          mode: segment.mode,
        },
        segment.evidence?.us,
      );
    }
  }
  return (launch) => known.get(keyOf(launch));
}
