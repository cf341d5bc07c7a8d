export { CONFORMANCE_CHAINS, type ConformanceChain } from './cases/chains.ts';
export {
  type Codes,
  type CodesKind,
  type CodesSpec,
  fillCodes,
  makeCodes,
  STREAMS,
} from './cases/codes.ts';
export {
  type Combination,
  type ExecutionPlanRequest,
  executionPlan,
  type Refusal,
} from './cases/execution-plan.ts';
export { caseInputs, type ExecutionCase, type Expect, referenceExpect } from './cases/expected.ts';
export { type FillCodes, hostExpect } from './cases/host-expect.ts';
export { scaleByteCount, scalePlace } from './cases/scale-places.ts';
export { checkExecution, type ExecutionOptions } from './checks/check-execution.ts';
export { checkProducers, type ProducerOptions } from './checks/check-producers.ts';
export {
  checkRecovery,
  type RecoveryOptions,
  type RecoveryReport,
} from './checks/check-recovery.ts';
export {
  checkSoak,
  type SoakOptions,
  type SoakReport,
  type SoakShape,
} from './checks/check-soak.ts';
export type { SoakMemory } from './checks/memory-growth.ts';
export {
  formatProducerReport,
  type ProducerCount,
  type ProducerReport,
} from './checks/producer-report.ts';
export {
  type DistanceCount,
  type ExecutionCheck,
  type ExecutionReport,
  formatExecutionReport,
} from './checks/report.ts';
export type { ShapesAsked } from './checks/shapes.ts';
export { type Bound, boundsOf } from './judging/bounds.ts';
export {
  type Answer,
  type Checker,
  type CheckerContext,
  hostChecker,
  type Question,
  type RankPlace,
  type ResultCodes,
} from './judging/checker.ts';
export { deviceChecking } from './judging/device-checker.ts';
export {
  type Distances,
  measure,
  POISON,
  type ScaledCodes,
  ULP_CLASSES,
} from './judging/distances.ts';
export { EXECUTION_RULES, type ExecutionRule, type Fault } from './judging/rules.ts';
export { lateProducer, type MakeProducer, type ProducedTensor } from './ranks/producer.ts';
export { resultBytes } from './ranks/run-case.ts';
