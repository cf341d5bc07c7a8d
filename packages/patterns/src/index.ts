export { type FindSitesOptions, findSites } from './find-sites.ts';
export { type DataClass, Flow, type Reader } from './flow/flow.ts';
export { DEFAULT_FUSIONS, type Fusion, type FusionStep } from './fusions/fusion.ts';
export * from './matching.ts';
export type {
  AddRmsOp,
  AllReduceOp,
  CanonicalOp,
  QuantOp,
  Rejected,
  RmsOp,
} from './spellings/canonical.ts';
export { ALREADY_FUSED } from './spellings/fused-ops.ts';
export { DEFAULT_SPELLINGS } from './spellings/index.ts';
export type { LiftContext, Spelling } from './spellings/spelling.ts';
export { MatchStatistics, type RuleStatistics } from './statistics.ts';
