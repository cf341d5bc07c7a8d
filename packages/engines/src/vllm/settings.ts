import { type EngineSettings, UsageError } from '@arfuse/contract';

/** FlashInfer all-reduce backend as `VLLM_FLASHINFER_ALLREDUCE_BACKEND` names it. */
export type FlashInferBackend = 'auto' | 'trtllm' | 'mnnvl';

/** vLLM's settings as far as its all-reduces depend on them; null where the user left the default. */
export interface VllmSettings {
  readonly useFlashInfer: boolean | null;
  readonly useSymmetricMemory: boolean | null;
  readonly usePcieIpc: boolean | null;
  readonly useNcclSymmetric: boolean | null;
  readonly batchInvariant: boolean | null;
  readonly flashInferBackend: FlashInferBackend | null;
  readonly fuse: boolean | null;
  readonly maxSizeMb: number | null;
  readonly endpoints: readonly number[] | null;
  readonly optimizationLevel: number | null;
  readonly disableCustomAllReduce: boolean | null;
  readonly maxBatchedTokens: number | null;
  readonly tensorParallelSize: number | null;
  readonly dataParallelSize: number | null;
  readonly pipelineParallelSize: number | null;
  readonly draftHidden: number | null;
  readonly flashInferInstalled: boolean | null;
}

type Reader<T> = (text: string) => T | undefined;

const flag: Reader<boolean> = (text) =>
  ({ '0': false, '1': true, false: false, true: true, off: false, on: true })[text.toLowerCase()];

const integer =
  (least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> =>
  (text) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= least && value <= most ? value : undefined;
  };

const size: Reader<number> = (text) => {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value >= 0 ? value : undefined;
};

const endpoints: Reader<readonly number[]> = (text) => {
  const parts = text
    .replace(/^\[(.*)\]$/, '$1')
    .split(/[,:]/)
    .map((part) => part.trim());
  const found = parts.map(integer(1));
  return found.every((value) => value !== undefined) ? (found as number[]) : undefined;
};

const backend: Reader<FlashInferBackend> = (text) =>
  text === 'auto' || text === 'trtllm' || text === 'mnnvl' ? text : undefined;

/** vLLM reads these with `int()`. */
const bit: Reader<boolean> = (text) => ({ '0': false, '1': true })[text];

interface Known<T> {
  readonly read: Reader<T>;
  readonly values: string;
}

const known = <T>(read: Reader<T>, values: string): Known<T> => ({ read, values });

const ENVIRONMENT = {
  VLLM_ALLREDUCE_USE_FLASHINFER: known(bit, '0 or 1'),
  VLLM_ALLREDUCE_USE_SYMM_MEM: known(bit, '0 or 1'),
  VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC: known(bit, '0 or 1'),
  VLLM_USE_NCCL_SYMM_MEM: known(bit, '0 or 1'),
  VLLM_BATCH_INVARIANT: known(bit, '0 or 1'),
  VLLM_FLASHINFER_ALLREDUCE_BACKEND: known(backend, 'auto, trtllm or mnnvl'),
} as const;

const CONFIGURATION = {
  'pass_config.fuse_allreduce_rms': known(flag, 'true or false'),
  'pass_config.fi_allreduce_fusion_max_size_mb': known(size, 'MiB, 0 or more'),
  compile_ranges_endpoints: known(endpoints, 'token counts such as 64,128'),
  optimization_level: known(integer(0, 3), '0 to 3'),
  disable_custom_all_reduce: known(flag, 'true or false'),
  max_num_batched_tokens: known(integer(1), 'tokens, 1 or more'),
  tensor_parallel_size: known(integer(1), 'ranks, 1 or more'),
  data_parallel_size: known(integer(1), 'ranks, 1 or more'),
  pipeline_parallel_size: known(integer(1), 'ranks, 1 or more'),
  draft_hidden_size: known(integer(1), 'elements, 1 or more'),
  flashinfer_installed: known(flag, 'true or false'),
} as const;

/** Settings that older or other releases have, with where they are. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'pass_config.enable_sp':
    'Sequence parallelism was removed in vLLM 0.32.0, which does not start with this field.',
  'pass_config.fuse_gemm_comms':
    'Async tensor parallelism was removed in vLLM 0.32.0, which does not start with this field.',
  'pass_config.sp_min_token_num':
    'Sequence parallelism was removed in vLLM 0.32.0, which does not start with this field.',
  'pass_config.enable_fi_allreduce_fusion': 'It is pass_config.fuse_allreduce_rms now.',
  'pass_config.fi_allreduce_fusion_max_token_num':
    'It is pass_config.fi_allreduce_fusion_max_size_mb now, in MiB.',
  compile_ranges_split_points: 'It is compile_ranges_endpoints now.',
  VLLM_FLASHINFER_ALLREDUCE_FUSION_THRESHOLDS_MB:
    'It is pass_config.fi_allreduce_fusion_max_size_mb now.',
};

function readAll<K extends string>(
  option: string,
  version: string,
  table: Readonly<Record<K, Known<unknown>>>,
  given: Readonly<Record<string, string>>,
): Partial<Record<K, unknown>> {
  const found: Partial<Record<K, unknown>> = {};
  for (const [name, text] of Object.entries(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new UsageError({
        message: `vLLM ${version} has no ${option} "${name}" that its all-reduces depend on.`,
        hint: `${ELSEWHERE[name] ?? ''} Known: ${Object.keys(table).join(', ')}.`.trim(),
        details: { setting: name, version, known: Object.keys(table) },
      });
    }
    const { read, values } = table[name as K];
    const value = read(text);
    if (value === undefined) {
      throw new UsageError({
        message: `${option} ${name} is "${text}".`,
        hint: `vLLM ${version} takes ${values}.`,
        details: { setting: name, value: text, version },
      });
    }
    found[name as K] = value;
  }
  return found;
}

/** `--name` and `-cc.pass_config.x` as people copy them from a command line. */
function plainName(name: string): string {
  const bare = name.replace(/^(--)?(compilation[-_]config\.|-cc\.)/, '').replace(/^--/, '');
  return bare.includes('.') ? bare : bare.replaceAll('-', '_');
}

/**
 * Checks names and values of given settings.
 * @throws UsageError for a name that this version does not have, a value that it does not take, or a contradiction
 */
export function readSettings({ env, config }: EngineSettings, version: string): VllmSettings {
  const e = readAll('environment variable', version, ENVIRONMENT, env) as Record<string, never>;
  const named = Object.fromEntries(
    Object.entries(config).map(([name, text]) => [plainName(name), text]),
  );
  const c = readAll('setting', version, CONFIGURATION, named) as Record<string, never>;
  const settings: VllmSettings = {
    useFlashInfer: e.VLLM_ALLREDUCE_USE_FLASHINFER ?? null,
    useSymmetricMemory: e.VLLM_ALLREDUCE_USE_SYMM_MEM ?? null,
    usePcieIpc: e.VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC ?? null,
    useNcclSymmetric: e.VLLM_USE_NCCL_SYMM_MEM ?? null,
    batchInvariant: e.VLLM_BATCH_INVARIANT ?? null,
    flashInferBackend: e.VLLM_FLASHINFER_ALLREDUCE_BACKEND ?? null,
    fuse: c['pass_config.fuse_allreduce_rms'] ?? null,
    maxSizeMb: c['pass_config.fi_allreduce_fusion_max_size_mb'] ?? null,
    endpoints: c.compile_ranges_endpoints ?? null,
    optimizationLevel: c.optimization_level ?? null,
    disableCustomAllReduce: c.disable_custom_all_reduce ?? null,
    maxBatchedTokens: c.max_num_batched_tokens ?? null,
    tensorParallelSize: c.tensor_parallel_size ?? null,
    dataParallelSize: c.data_parallel_size ?? null,
    pipelineParallelSize: c.pipeline_parallel_size ?? null,
    draftHidden: c.draft_hidden_size ?? null,
    flashInferInstalled: c.flashinfer_installed ?? null,
  };
  const contradiction =
    settings.fuse === true && settings.flashInferInstalled === false
      ? 'pass_config.fuse_allreduce_rms=true needs FlashInfer, and flashinfer_installed=false'
      : settings.fuse === true && settings.batchInvariant === true
        ? 'pass_config.fuse_allreduce_rms=true and VLLM_BATCH_INVARIANT=1: the fused kernel is not batch-invariant'
        : settings.fuse === true && settings.optimizationLevel === 0
          ? 'pass_config.fuse_allreduce_rms=true and optimization_level=0: nothing is compiled at level 0'
          : undefined;
  if (contradiction !== undefined) {
    throw new UsageError({
      message: `the engine's settings contradict each other: ${contradiction}.`,
      hint: 'Leave one of them out.',
      details: { env, config },
    });
  }
  return settings;
}
