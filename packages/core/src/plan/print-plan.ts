import { canonicalJson, type Plan } from '@arfuse/contract';

/** The one text of a plan: canonical JSON and a newline. */
export function printPlan(plan: Plan): string {
  return `${canonicalJson(plan)}\n`;
}
