// Both packages have one; a table's is the one that applications write.
export type { Provenance } from '@arfuse/contract';
export * from '@arfuse/contract';
export * from '@arfuse/engines';
export {
  exportVllm,
  type VllmExport,
  type VllmExportOptions,
  type VllmVersion,
} from '@arfuse/engines';
export type { Provenance as NodeProvenance } from '@arfuse/graph';
export * from '@arfuse/graph';
export { createNccl, type NcclSettings, nccl } from '@arfuse/nccl';
export {
  type AlreadyFused,
  DEFAULT_FUSIONS,
  DEFAULT_SPELLINGS,
  type FindSitesOptions,
  type Fusion,
  findSites,
  type Matching,
  type Miss,
  type SiteMatch,
  type Spelling,
} from '@arfuse/patterns';
export {
  BUILT_IN_TABLES,
  diffTables,
  parseTable,
  type TableModel,
  tableModels,
  validateTable,
} from '@arfuse/thresholds';
export * from '@arfuse/torch';
export * from './engine/index.ts';
export * from './execute/index.ts';
export * from './machine/index.ts';
export { native } from './norm/backend.ts';
export * from './plan/index.ts';
export * from './policy/index.ts';
export * from './rewrite/rewrite.ts';
export * from './run/run-plan.ts';
export * from './target/index.ts';
export { describeFailure, formatUlps } from './verify/describe.ts';
export * from './verify/report.ts';
export * from './verify/verify.ts';
