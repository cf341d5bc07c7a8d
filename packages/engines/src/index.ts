export {
  exportVllm,
  type VllmCompilationConfig,
  type VllmExport,
  type VllmExportOptions,
} from './vllm/export.ts';
export { matchVllm, type VllmMatch } from './vllm/matching.ts';
export { fusionMaxSizeMb, fusionMaxTokens } from './vllm/max-size.ts';
export type { VllmTimes } from './vllm/prefix.ts';
export { VLLM_VERSIONS, type VllmRelease, type VllmVersion, vllmRelease } from './vllm/versions.ts';
