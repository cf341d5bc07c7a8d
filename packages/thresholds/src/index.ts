export * from './built-in/index.ts';
export { DECISION_GRID, type Decisions, tableDecisions } from './diff/decisions.ts';
export {
  type Bump,
  type DecisionChange,
  diffTables,
  type RowChange,
  requireVersionStep,
  type TableDiff,
} from './diff/diff-tables.ts';
export { type CostModelReport, costModels, createEvidence } from './lookup/create-evidence.ts';
export {
  type EvidenceContext,
  type EvidenceLookup,
  type EvidenceQuery,
  TABLE_EVIDENCE,
} from './lookup/query.ts';
export { type TableModel, tableModels } from './lookup/table-models.ts';
export { type TableJsonSchemas, tableJsonSchemas } from './schema/json-schema.ts';
export { parseTable } from './schema/parse-table.ts';
export { type TableSchemas, tableSchemas } from './schema/table-schema.ts';
export type { TableFinding, TableFindings } from './validate/findings.ts';
export { requireValidTable, validateTable } from './validate/validate-table.ts';
export {
  linkRate,
  type WireAlgorithm,
  wireAlgorithm,
  wireBoundUs,
  wireBytes,
} from './validate/wire-bound.ts';
