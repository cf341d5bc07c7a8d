import type { Plan, PlanStep, StageKind, ThresholdTable } from '@arfuse/contract';
import { openEngine, type VllmTimes } from '@arfuse/engines';
import { classesOf } from './report-classes.ts';

/**
 * Times for `exportVllm`, from the tables: of fused launches by the kernel that is asked about, of unfused ones by what the
 * plan's engine dispatches there; vLLM's defaults where the plan names no vLLM.
 */
export function exportTimes(plan: Plan, tables: readonly ThresholdTable[] = []): VllmTimes {
  const named = plan.engine?.id.startsWith('vllm@') ? plan.engine : undefined;
  const engine = openEngine(named?.id ?? 'vllm@0.33', named?.settings ?? {});
  const classes = new Map(classesOf(plan, tables).map((entry) => [entry.id, entry]));
  return ({ class: id, kernel, tokens, mode }) => {
    const entry = classes.get(id);
    if (!entry) return undefined;
    const kinds: readonly StageKind[] = entry.site.stages.map((stage) => stage.kind);
    const fused: PlanStep[] | undefined =
      kernel === undefined ? undefined : [{ kernel, params: {}, covers: kinds }];
    const steps = fused ?? engine.unfused({ ...entry.scope, tokens, mode }).steps;
    return entry.times.find(steps, tokens, mode)?.us;
  };
}
