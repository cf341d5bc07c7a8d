import type { PlanStep } from '@arfuse/contract';

/** Steps of a plan's or an engine's segment. */
interface Stepped {
  readonly steps: readonly PlanStep[];
}

/** The step in which a FlashInfer kernel performs a chain from the all-reduce to its first norm; undefined when none does. */
export function fusedStep({ steps }: Stepped): PlanStep | undefined {
  return steps.find(
    ({ kernel, covers }) =>
      /^(@arfuse\/)?flashinfer\//.test(kernel) &&
      covers.includes('all_reduce') &&
      (covers.includes('norm') || covers.includes('pre_norm')),
  );
}

/** The kernel of that step. */
export const fusedKernel = (segment: Stepped): string | undefined => fusedStep(segment)?.kernel;

/** Whether one FlashInfer kernel performs a segment's chain from the all-reduce to its first norm. */
export const isFused = (segment: Stepped): boolean => fusedStep(segment) !== undefined;
