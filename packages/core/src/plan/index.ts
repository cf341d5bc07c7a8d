export { batchVariance } from './batch-invariance.ts';
export { type DecisionChange, diffPlans, type PlanDiff } from './diff-plans.ts';
export { type ExplainOptions, explain } from './explain.ts';
export { planHash, sealPlan } from './hash.ts';
export { type ParsePlanOptions, parsePlan } from './parse-plan.ts';
export { type PlanOptions, plan } from './plan.ts';
export { printPlan } from './print-plan.ts';
