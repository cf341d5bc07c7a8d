export type {
  CaptureFacts,
  Engine,
  EngineLever,
  EngineQuestion,
  EngineScope,
} from './engine.ts';
export { exportJson, type JsonExport } from './json/export.ts';
export { ENGINE_IDS, openEngine } from './open-engine.ts';
export type { ExportedFile, ExportTarget, PlanExport } from './plan-export.ts';
export {
  exportSglang,
  type SglangExport,
  type SglangExportOptions,
} from './sglang/export.ts';
export {
  exportTensorRtLlm,
  type TensorRtLlmConfig,
  type TensorRtLlmExport,
} from './tensorrt-llm/export.ts';
export type { AutoDeployStrategy, TensorRtLlmStrategy } from './tensorrt-llm/strategy.ts';
export {
  exportVllm,
  type VllmCompilationConfig,
  type VllmExport,
  type VllmExportOptions,
} from './vllm/export.ts';
export { matchVllm } from './vllm/matching.ts';
export { fusionMaxSizeMb, fusionMaxTokens } from './vllm/max-size.ts';
export type { TokenWeight } from './vllm/prefix.ts';
export type { VllmLaunch, VllmTimes } from './vllm/recorded-times.ts';
export type { VllmTableRows } from './vllm/table-rows.ts';
export {
  VLLM_VERSIONS,
  type VllmRelease,
  type VllmSizeTable,
  type VllmVersion,
  vllmRelease,
} from './vllm/versions.ts';
