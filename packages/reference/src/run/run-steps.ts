import type { SiteClass } from '@arfuse/contract';
import { executeSteps, type ReferenceStep } from '../kernels/execute.ts';
import type { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs, SiteResults } from '../site.ts';

/** Results of repeated executions, which are all equal, and how long each took. */
export interface TimedRun {
  readonly results: readonly SiteResults[];
  /** Wall time of each execution of all ranks on one CPU thread, milliseconds. It says nothing about a GPU. */
  readonly milliseconds: readonly number[];
}

/** Executes the steps of a site `times` times on simulated ranks and times each. */
export function runSteps(
  site: Pick<SiteClass, 'hidden' | 'dtype' | 'group'>,
  steps: readonly ReferenceStep[],
  inputs: SiteInputs,
  ranks: SimulatedRanks,
  times = 1,
): TimedRun {
  const milliseconds: number[] = [];
  let results: readonly SiteResults[] = [];
  for (let i = 0; i < times; i += 1) {
    const start = performance.now();
    results = executeSteps(site, steps, inputs, ranks);
    milliseconds.push(performance.now() - start);
  }
  return { results, milliseconds };
}
