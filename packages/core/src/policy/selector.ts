import { type Candidate, type Cell, splitKernelId } from '@arfuse/contract';
import { nanoseconds } from './rank.ts';

/**
 * Which candidates a rule means: a kernel id (`@arfuse/flashinfer/one-shot`), a backend (`@arfuse/flashinfer`), a
 * candidate's whole name (`@arfuse/nccl/all-reduce + @arfuse/native/norm`), or a test.
 */
export type Selector = string | ((candidate: Candidate) => boolean);

export function describeSelector(selector: Selector): string {
  return typeof selector === 'string' ? selector : selector.name || 'a test';
}

export function selects(selector: Selector, candidate: Candidate): boolean {
  if (typeof selector === 'function') return selector(candidate);
  return (
    candidate.name === selector ||
    candidate.steps.some(
      ({ kernel }) => kernel === selector || splitKernelId(kernel).backend === selector,
    )
  );
}

/** Stages that the selected kernels perform. */
function reach(selector: Selector, candidate: Candidate): number {
  if (typeof selector === 'function' || candidate.name === selector) return Number.MAX_SAFE_INTEGER;
  return candidate.steps
    .filter(({ kernel }) => kernel === selector || splitKernelId(kernel).backend === selector)
    .reduce((sum, step) => sum + step.covers.length, 0);
}

/**
 * The one that a rule means among the selected candidates of a cell: the one in which the kernel performs most, then
 * the faster where both have times, then the simpler.
 */
export function pick(selector: Selector, cell: Cell): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of cell.candidates) {
    if (!selects(selector, candidate)) continue;
    if (!best) {
      best = candidate;
      continue;
    }
    const further = reach(selector, candidate) - reach(selector, best);
    const [time, bestTime] = [cell.evidence(candidate)?.us, cell.evidence(best)?.us];
    const faster =
      time !== undefined && bestTime !== undefined && nanoseconds(time) < nanoseconds(bestTime);
    if (further > 0 || (further === 0 && faster)) best = candidate;
  }
  return best;
}
