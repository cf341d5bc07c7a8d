export { type Bound, boundsOf } from './bounds.ts';
export { CONFORMANCE_CHAINS, type ConformanceChain } from './chains.ts';
export { checkExecution, type ExecutionOptions } from './check-execution.ts';
export { checkProducers, type ProducerOptions } from './check-producers.ts';
export { checkRecovery, type RecoveryOptions, type RecoveryReport } from './check-recovery.ts';
export {
  checkSoak,
  type SoakOptions,
  type SoakReport,
  type SoakShape,
} from './check-soak.ts';
export {
  type Answer,
  type Checker,
  type CheckerContext,
  hostChecker,
  type Question,
  type RankPlace,
  type ResultCodes,
} from './checker.ts';
export {
  type Codes,
  type CodesKind,
  type CodesSpec,
  fillCodes,
  makeCodes,
  STREAMS,
} from './codes.ts';
export { deviceChecking } from './device-checker.ts';
export { type Distances, measure, POISON, type ScaledCodes, ULP_CLASSES } from './distances.ts';
export {
  type Combination,
  type ExecutionPlanRequest,
  executionPlan,
  type Refusal,
} from './execution-plan.ts';
export { caseInputs, type ExecutionCase, type Expect, referenceExpect } from './expected.ts';
export { type FillCodes, hostExpect } from './host-expect.ts';
export type { SoakMemory } from './memory-growth.ts';
export { lateProducer, type MakeProducer, type ProducedTensor } from './producer.ts';
export {
  formatProducerReport,
  type ProducerCount,
  type ProducerReport,
} from './producer-report.ts';
export {
  type DistanceCount,
  type ExecutionCheck,
  type ExecutionReport,
  formatExecutionReport,
} from './report.ts';
export { EXECUTION_RULES, type ExecutionRule, type Fault } from './rules.ts';
export { resultBytes } from './run-case.ts';
export { scaleByteCount, scalePlace } from './scale-places.ts';
export type { ShapesAsked } from './shapes.ts';
