import { type Kernel, type Stage, stageOrders } from '@arfuse/contract';
import type { RunAdmissions, RunKey } from './run-admissions.ts';

/** Runs that cover all stages of one order, each with its kernel. */
export type Composition = readonly RunKey[];

const isAllReduce = (stage: Stage): boolean => stage.kind === 'all_reduce';

/** Whether the two steps could be one launch of the same kernel; then the pair is never better. */
function mergeable(left: RunKey, right: RunKey, admissions: RunAdmissions): boolean {
  if (left.kernel !== right.kernel) return false;
  return admissions.of({ ...left, end: right.end }).admitted.length > 0;
}

/**
 * All ways to cut an order into runs that some kernel performs at some row count. Each all-reduce is in a run of its
 * own kernel; the two of an unmerged pair take the same kernel.
 */
function cut(
  order: readonly Stage[],
  kernels: readonly Kernel[],
  admissions: RunAdmissions,
): Composition[] {
  const found: Composition[] = [];
  const path: RunKey[] = [];
  const extend = (start: number): void => {
    if (start === order.length) {
      found.push([...path]);
      return;
    }
    const collectiveBefore = path.find((run) => run.kernel.collective)?.kernel;
    for (let end = order.length; end > start; end -= 1) {
      const reductions = order.slice(start, end).filter(isAllReduce).length;
      if (reductions > 1) continue;
      for (const kernel of kernels) {
        if (kernel.collective !== (reductions === 1)) continue;
        if (kernel.collective && collectiveBefore && collectiveBefore !== kernel) continue;
        const run: RunKey = { kernel, order, start, end };
        const previous = path.at(-1);
        if (previous && mergeable(previous, run, admissions)) continue;
        if (admissions.of(run).admitted.length === 0) continue;
        path.push(run);
        extend(end);
        path.pop();
      }
    }
  };
  extend(0);
  return found;
}

export function compositions(
  stages: readonly Stage[],
  kernels: readonly Kernel[],
  admissions: RunAdmissions,
): { readonly found: readonly Composition[]; readonly orders: readonly (readonly Stage[])[] } {
  const orders = stageOrders({ stages });
  return { found: orders.flatMap((order) => cut(order, kernels, admissions)), orders };
}
