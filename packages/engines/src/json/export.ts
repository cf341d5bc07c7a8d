import { canonicalJson, type Plan } from '@arfuse/contract';
import type { PlanExport } from '../plan-export.ts';

/** A plan as its own document. */
export interface JsonExport extends PlanExport {
  readonly target: 'json';
  readonly config: Plan;
}

/** The plan itself: canonical JSON and a newline. Nothing is lost. */
export function exportJson(plan: Plan): JsonExport {
  const text = `${canonicalJson(plan)}\n`;
  return {
    target: 'json',
    config: plan,
    text,
    files: [{ name: 'plan.json', text }],
    cannotExpress: [],
    validFor: `readers of plan documents with specificationVersion ${plan.specificationVersion}.`,
  };
}
