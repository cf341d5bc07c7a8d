import { type EngineSettings, UsageError } from '@arfuse/contract';
import { SGLANG } from './facts-0.5.23.ts';

/** Backend as `--flashinfer-allreduce-fusion-backend` names it. */
export type FusionBackend = 'auto' | 'trtllm' | 'mnnvl' | 'cutedsl';

/** SGLang's settings as far as its all-reduces depend on them; null where the user left the default. */
export interface SglangSettings {
  readonly backend: FusionBackend | null;
  /** `--enable-flashinfer-allreduce-fusion`, the deprecated spelling of backend `auto`. */
  readonly enableFusion: boolean | null;
  readonly disableFusion: boolean | null;
  readonly disableCustom: boolean | null;
  readonly ncclSymmetric: boolean | null;
  readonly ncclNvls: boolean | null;
  readonly torchSymmetric: boolean | null;
  readonly mscclpp: boolean | null;
  readonly deterministic: boolean | null;
  readonly attentionDp: number | null;
  readonly attentionCp: number | null;
  readonly pipelineParallel: number | null;
  readonly tensorParallel: number | null;
  readonly nodes: number | null;
  readonly moeAllToAll: string | null;
  readonly architecture: string | null;
  readonly flashInferInstalled: boolean | null;
  /** Whether FlashInfer's workspace is created; by default it needs NVLink multicast. */
  readonly flashInferWorkspace: boolean | null;
  /** Whether the ranks of several nodes share one NVLink clique, as in a GB200 NVL72 rack. */
  readonly nvlinkClique: boolean | null;
  /** Whether PyTorch's allocator uses expandable segments. */
  readonly expandableSegments: boolean | null;
  readonly customV2: boolean | null;
  readonly maxSizeKb: number | null;
  readonly forcePullKb: number | null;
  readonly forcePushKb: number | null;
  readonly pcieIpc: boolean | null;
  readonly pcieIpcMaxElements: number | null;
  /** `NCCL_NVLS_ENABLE` as set outside; SGLang keeps it unless a flag turns it on. */
  readonly nvlsEnvironment: boolean | null;
}

type Reader<T> = (text: string) => T | undefined;

interface Known {
  readonly read: Reader<unknown>;
  readonly values: string;
}

const flag: Known = {
  read: (text) => ({ '0': false, '1': true, false: false, true: true })[text.toLowerCase()],
  values: 'true or false',
};

/** SGLang's own reading of a boolean variable. */
const truth: Known = {
  read: (text) =>
    ({ true: true, '1': true, yes: true, y: true, false: false, '0': false, no: false, n: false })[
      text.toLowerCase()
    ],
  values: '1 or 0',
};

const count = (least: number, what: string): Known => ({
  read: (text) => (/^\d{1,15}$/.test(text) && Number(text) >= least ? Number(text) : undefined),
  values: `${what}, ${least} or more`,
});

const oneOf = (...names: readonly string[]): Known => ({
  read: (text) => (names.includes(text) ? text : undefined),
  values: names.join(', '),
});

const ENVIRONMENT: Readonly<Record<string, Known>> = {
  SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: truth,
  SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: count(0, 'KiB'),
  SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PULL_SIZE_KB: count(0, 'KiB'),
  SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PUSH_SIZE_KB: count(0, 'KiB'),
  SGLANG_ENABLE_PCIE_IPC_ALLREDUCE: truth,
  SGLANG_PCIE_IPC_MAX_NUMEL: count(0, 'elements'),
  NCCL_NVLS_ENABLE: { read: (text) => ({ '0': false, '1': true })[text], values: '0 or 1' },
};

/** Flags of the server, then facts of the host that no flag states (with underscores). */
const CONFIGURATION: Readonly<Record<string, Known>> = {
  'flashinfer-allreduce-fusion-backend': oneOf('auto', 'trtllm', 'mnnvl', 'cutedsl'),
  'enable-flashinfer-allreduce-fusion': flag,
  'enforce-disable-flashinfer-allreduce-fusion': flag,
  'disable-custom-all-reduce': flag,
  'enable-symm-mem': flag,
  'enable-nccl-nvls': flag,
  'enable-torch-symm-mem': flag,
  'enable-mscclpp': flag,
  'enable-deterministic-inference': flag,
  'attn-dp-size': count(1, 'ranks'),
  'enable-dp-attention': flag,
  'dp-size': count(1, 'ranks'),
  'attn-cp-size': count(1, 'ranks'),
  'pp-size': count(1, 'ranks'),
  'tp-size': count(1, 'ranks'),
  nnodes: count(1, 'nodes'),
  'moe-a2a-backend': oneOf(
    'none',
    'deepep',
    'mooncake',
    'nixl',
    'mori',
    'ascend_fuseep',
    'flashinfer',
    'megamoe',
    'deepep_v2',
    'ascend_tp',
    'pplx',
    'flashinfer_megamoe',
  ),
  model_architecture: {
    read: (text) => (/^[A-Za-z]\w*$/.test(text) ? text : undefined),
    values: 'a name of config.json\'s "architectures", such as Qwen3MoeForCausalLM',
  },
  flashinfer_installed: flag,
  flashinfer_workspace: flag,
  nvlink_clique: flag,
  expandable_segments: flag,
};

/** Other spellings of flags. */
const ALIASES: Readonly<Record<string, string>> = {
  tp: 'tp-size',
  'tensor-parallel-size': 'tp-size',
  pp: 'pp-size',
  'pipeline-parallel-size': 'pp-size',
  dp: 'dp-size',
  'data-parallel-size': 'dp-size',
  'attention-data-parallel-size': 'attn-dp-size',
  'attention-context-parallel-size': 'attn-cp-size',
};

const ROCM = 'It is for ROCm only; arfuse emulates SGLang on CUDA.';

/** Settings that exist elsewhere, with where. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'enable-aiter-allreduce-fusion': ROCM,
  'disable-aiter-allreduce-fusion-in-prefill': ROCM,
  'disable-aiter-allreduce-fusion-in-decode': ROCM,
  SGLANG_USE_AITER: ROCM,
  SGLANG_USE_1STAGE_ALLREDUCE: ROCM,
  'enable-torch-compile':
    'Under torch.compile NCCL symmetric memory is not asked; arfuse emulates the server without it.',
  SGLANG_ENABLE_DETERMINISTIC_INFERENCE:
    'The server overwrites it; give the flag enable-deterministic-inference.',
  'flashinfer-allreduce-fusion-max-tokens': 'The limit of 2048 tokens is a constant of SGLang.',
};

/** `--name_of_a_flag` as people copy it; host facts keep their underscores. */
function plainName(given: string): string {
  const bare = given.replace(/^--/, '');
  const fact = bare.replaceAll('-', '_');
  if (Object.hasOwn(CONFIGURATION, fact)) return fact;
  const dashed = bare.replaceAll('_', '-');
  return ALIASES[dashed] ?? dashed;
}

function refuse(message: string, hint: string, details: Record<string, unknown>): never {
  throw new UsageError({ message, hint, details });
}

function readAll(
  what: string,
  table: Readonly<Record<string, Known>>,
  given: Readonly<Record<string, string>>,
  nameOf: (given: string) => string,
): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [spelt, text] of Object.entries(given)) {
    const name = nameOf(spelt);
    const known = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!known) {
      const known = Object.keys(table);
      refuse(
        `SGLang ${SGLANG.release} has no ${what} "${spelt}" that its all-reduces depend on.`,
        `${ELSEWHERE[name] ?? (spelt.startsWith('VLLM_') ? 'That is a variable of vLLM.' : '')} Known: ${known.join(', ')}.`.trim(),
        { setting: spelt, version: SGLANG.release, known },
      );
    }
    const value = known.read(text);
    if (value === undefined) {
      refuse(`${what} ${spelt} is "${text}".`, `SGLang ${SGLANG.release} takes ${known.values}.`, {
        setting: spelt,
        value: text,
        version: SGLANG.release,
      });
    }
    if (found.has(name)) {
      refuse(`${what} ${name} is given twice, once as ${spelt}.`, 'Give it once.', {
        setting: spelt,
      });
    }
    found.set(name, value);
  }
  return found;
}

/** What cannot both hold: the server would start, drop one of the two, and at most log a warning. */
function contradiction(settings: SglangSettings): string | undefined {
  const { backend, deterministic, disableFusion, enableFusion, torchSymmetric } = settings;
  const asked =
    backend !== null
      ? `flashinfer-allreduce-fusion-backend=${backend}`
      : enableFusion === true
        ? 'enable-flashinfer-allreduce-fusion=true'
        : undefined;
  if (asked && disableFusion === true)
    return `${asked} and enforce-disable-flashinfer-allreduce-fusion=true: SGLang does not fuse`;
  if (asked && deterministic === true)
    return `${asked} and enable-deterministic-inference=true: SGLang does not fuse`;
  if (torchSymmetric === true && deterministic === true)
    return 'enable-torch-symm-mem=true and enable-deterministic-inference=true: SGLang takes no symmetric memory';
  if (asked && settings.flashInferInstalled === false)
    return `${asked} needs FlashInfer, and flashinfer_installed=false`;
  return undefined;
}

function attentionDpOf(config: ReadonlyMap<string, unknown>): number | null {
  const size = config.get('attn-dp-size') as number | undefined;
  const enabled = config.get('enable-dp-attention') as boolean | undefined;
  const dp = config.get('dp-size') as number | undefined;
  if (enabled !== true) return size ?? null;
  if (size !== undefined)
    refuse(
      'both attn-dp-size and enable-dp-attention are given.',
      'Leave enable-dp-attention out; it is deprecated.',
      { 'attn-dp-size': size },
    );
  return dp ?? 1;
}

/**
 * Checks names and values of given settings. Flags may be written with or without `--`, with dashes or underscores.
 * @throws UsageError for a name that SGLang 0.5.23 does not have, a value that it does not take, or a contradiction
 */
export function readSettings({ env, config }: EngineSettings): SglangSettings {
  const variables = readAll('environment variable', ENVIRONMENT, env, (name) => name);
  const flags = readAll('flag', CONFIGURATION, config, plainName);
  const variable = <T>(name: string): T | null => (variables.get(name) as T | undefined) ?? null;
  const option = <T>(name: string): T | null => (flags.get(name) as T | undefined) ?? null;
  const settings: SglangSettings = {
    backend: option('flashinfer-allreduce-fusion-backend'),
    enableFusion: option('enable-flashinfer-allreduce-fusion'),
    disableFusion: option('enforce-disable-flashinfer-allreduce-fusion'),
    disableCustom: option('disable-custom-all-reduce'),
    ncclSymmetric: option('enable-symm-mem'),
    ncclNvls: option('enable-nccl-nvls'),
    torchSymmetric: option('enable-torch-symm-mem'),
    mscclpp: option('enable-mscclpp'),
    deterministic: option('enable-deterministic-inference'),
    attentionDp: attentionDpOf(flags),
    attentionCp: option('attn-cp-size'),
    pipelineParallel: option('pp-size'),
    tensorParallel: option('tp-size'),
    nodes: option('nnodes'),
    moeAllToAll: option('moe-a2a-backend'),
    architecture: option('model_architecture'),
    flashInferInstalled: option('flashinfer_installed'),
    flashInferWorkspace: option('flashinfer_workspace'),
    nvlinkClique: option('nvlink_clique'),
    expandableSegments: option('expandable_segments'),
    customV2: variable('SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2'),
    maxSizeKb: variable('SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB'),
    forcePullKb: variable('SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PULL_SIZE_KB'),
    forcePushKb: variable('SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PUSH_SIZE_KB'),
    pcieIpc: variable('SGLANG_ENABLE_PCIE_IPC_ALLREDUCE'),
    pcieIpcMaxElements: variable('SGLANG_PCIE_IPC_MAX_NUMEL'),
    nvlsEnvironment: variable('NCCL_NVLS_ENABLE'),
  };
  const clash = contradiction(settings);
  if (clash !== undefined)
    refuse(`the engine's settings contradict each other: ${clash}.`, 'Leave one of them out.', {
      env,
      config,
    });
  return settings;
}
