const KIB = 1024;
const MIB = 1024 * KIB;

/** Sizes in bytes, inclusive, up to which each algorithm of the custom all-reduce is taken; asked in this order. */
export interface Ladder {
  readonly pushOneShot: number;
  /** 0 where it is off. */
  readonly pushTwoShot: number;
  readonly pullOneShot: number;
  /** Two-shot over NVLink multicast, both ends inclusive; `[0, 0]` where it is off. */
  readonly multicast: readonly [min: number, max: number];
  readonly pullTwoShot: number;
}

/** SGLang's custom all-reduce of one architecture and group size. */
export interface CustomAllReduceRow {
  readonly graph: Ladder;
  readonly eager: Ladder;
  /** Whether the multicast form is configured for the group size at all. */
  readonly multicast: boolean;
  /** Lines of the table. */
  readonly lines: string;
}

/** Sizes as SGLang's table writes them: MiB of push one-shot, pull one-shot, pull two-shot, and the multicast range. */
type Sizes = readonly [
  pushOneShot: number,
  pullOneShot: number,
  pullTwoShot: number,
  multicast?: readonly [number, number],
];

function ladder([push, pull, pullTwo, range = [0, 0]]: Sizes, pushTwoMiB: number): Ladder {
  const bytes = (mib: number): number => Math.trunc(mib * MIB);
  return {
    pushOneShot: bytes(push),
    pushTwoShot: bytes(pushTwoMiB),
    pullOneShot: bytes(pull),
    multicast: [bytes(range[0]), bytes(range[1])],
    pullTwoShot: bytes(pullTwo),
  };
}

const row = (
  lines: string,
  graph: Sizes,
  eager: Sizes,
  more: { readonly multicast?: boolean; readonly pushTwoMiB?: number } = {},
): CustomAllReduceRow => ({
  graph: ladder(graph, more.pushTwoMiB ?? 0),
  eager: ladder(eager, more.pushTwoMiB ?? 0),
  multicast: more.multicast ?? false,
  lines,
});

const K = 1 / 1024;
const MC = { multicast: true };

const SM90: Readonly<Record<number, CustomAllReduceRow>> = {
  2: row('277-281', [16, 128, 128], [32, 128, 128]),
  3: row('282-286', [1.25, 1.25, 128], [3, 3, 16]),
  4: row('287-291', [384 * K, 384 * K, 128], [896 * K, 896 * K, 32, [0, 32]], MC),
  5: row('292-296', [192 * K, 192 * K, 32], [384 * K, 384 * K, 32, [0, 32]], MC),
  6: row('297-301', [128 * K, 128 * K, 32, [8, 32]], [192 * K, 192 * K, 32, [0, 32]], MC),
  7: row('302-306', [128 * K, 128 * K, 32, [1, 32]], [128 * K, 128 * K, 32, [0, 32]], MC),
  8: row('307-311', [128 * K, 128 * K, 32, [0.5, 128]], [128 * K, 128 * K, 128, [0, 128]], MC),
};

const SM100: Readonly<Record<number, CustomAllReduceRow>> = {
  2: row('161-165', [8, 32, 128], [16, 128, 128]),
  3: row('166-170', [4, 4, 128], [8, 8, 32]),
  4: row('171-176', [0.625, 0.625, 128], [0.625, 0.625, 32], { pushTwoMiB: 8 }),
  5: row('177-181', [1.5, 1.5, 128], [2, 2, 32, [0, 32]], MC),
  6: row('182-186', [1, 1, 128], [1.25, 1.25, 64, [0, 64]], MC),
  7: row('187-191', [0.625, 0.625, 128], [1, 1, 64, [0, 64]], MC),
  8: row('192-197', [256 * K, 256 * K, 128, [8, 128]], [256 * K, 256 * K, 128, [0, 128]], {
    multicast: true,
    pushTwoMiB: 8,
  }),
  16: row(
    '198-202',
    [256 * K, 256 * K, 128, [256 * K, 128]],
    [256 * K, 256 * K, 128, [256 * K, 128]],
    MC,
  ),
};

/** One crossover for every one-shot, and multicast from there on. */
function rubin(lines: string, mib: number): CustomAllReduceRow {
  const sizes: Sizes = [mib, mib, 128, [mib, 128]];
  return row(lines, sizes, sizes, MC);
}

const SM107: Readonly<Record<number, CustomAllReduceRow>> = {
  2: row('221-225', [128, 128, 128], [128, 128, 128]),
  3: row('226-230', [19.625, 19.625, 128], [39.188, 39.188, 128]),
  4: row('231-235', [6.938, 6.938, 128], [9.812, 9.812, 128, [9.812, 128]], MC),
  5: rubin('236-240', 6.938),
  6: rubin('241-245', 4.875),
  7: rubin('246-250', 3.438),
  8: rubin('251-255', 2.438),
  16: rubin('256-260', 832 * K),
};

const OTHER = row('326-333', [1, 1, 16], [1, 1, 16]);

/**
 * The row of SGLang's custom all-reduce (v2) before it is clipped to its workspace; undefined where the group size is
 * not served.
 * @param capability - compute capability ×10
 */
export function customAllReduceRow(
  capability: number,
  groupSize: number,
): CustomAllReduceRow | undefined {
  const major = Math.floor(capability / 10);
  if (major === 9) return SM90[groupSize];
  if (major === 10) return (capability % 10 >= 7 ? SM107 : SM100)[groupSize];
  return groupSize >= 2 && groupSize <= 16 ? OTHER : undefined;
}

/** Largest batch that FlashInfer's fusion runs on, in tokens, inclusive. A constant of SGLang; there is no flag. */
export const FUSED_TOKENS = 2048;

/** Models for which FlashInfer's fusion is on by default, by architecture name. */
export const FUSED_ARCHITECTURES: readonly string[] = [
  'DeepseekV3ForCausalLM',
  'DeepseekV32ForCausalLM',
  'DeepseekV4ForCausalLM',
  'GptOssForCausalLM',
  'GlmMoeDsaForCausalLM',
  'Glm4MoeForCausalLM',
  'Glm4MoeLiteForCausalLM',
  'MistralLarge3ForCausalLM',
  'Qwen3MoeForCausalLM',
  'Qwen3VLMoeForConditionalGeneration',
  'Qwen3NextForCausalLM',
  'Qwen4ExpForConditionalGeneration',
  'KimiK25ForConditionalGeneration',
  'Qwen3_5MoeForConditionalGeneration',
  'InternS2PreviewForConditionalGeneration',
  'Qwen3_5ForConditionalGeneration',
  'NemotronHForCausalLM',
  'NemotronHPuzzleForCausalLM',
  'NemotronH_Omni_Reasoning_V3',
];

/** Models whose default is FlashInfer's CuTe DSL backend, on SM10x in bf16. */
export const CUTEDSL_ARCHITECTURES: readonly string[] = [
  'MiMoV2ForCausalLM',
  'MiMoV2FlashForCausalLM',
];

/** Group sizes of the CuTe DSL backend. */
export const CUTEDSL_GROUP_SIZES: readonly number[] = [2, 4, 8, 16];

/** Group sizes that FlashInfer's kernels take when one-shot or two-shot is left to FlashInfer. */
export const FLASHINFER_GROUP_SIZES = {
  trtllm: [2, 4, 8],
  mnnvl: [2, 4, 8, 16, 32, 64],
} as const satisfies Readonly<Record<string, readonly number[]>>;

/** SGLang's own all-reduce + residual + norm kernel, and the models that use it. */
export const OWN_FUSION = {
  architectures: ['MiniMaxM3SparseForCausalLM'],
  tokens: 384,
  /** Row counters of its dedicated plane. */
  counters: 512,
  /** Bytes of one push slot of its dedicated plane. */
  slotBytes: 4 * MIB,
  /** Two-shot from this many tokens, by group size; `twoShotElse` for others. */
  twoShotFrom: { 4: 48, 8: 8 } as Readonly<Record<number, number>>,
  twoShotElse: 48,
} as const;

/** PyTorch symmetric memory, bytes by group size, exclusive, for compute capability 9.x and 10.x alike. */
export const SYMMETRIC: Readonly<Record<number, number>> = {
  2: 64 * MIB,
  4: 64 * MIB,
  6: 128 * MIB,
  8: 128 * MIB,
};

/** Group sizes for which PyTorch symmetric memory takes multimem; the others take two-shot. */
export const MULTIMEM_GROUP_SIZES: readonly number[] = [4, 6, 8];

/** Default of SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB. */
export const CUSTOM_MAX_SIZE_KB = 16384;

/** The all-reduce that came before v2: a port of vLLM's, bytes inclusive. */
export const LEGACY_CUSTOM = { groupSizes: [2, 4, 6, 8], bytes: 8 * MIB } as const;

/** MSCCL++ sizes that are tuned when the server starts, in bytes, inclusive. */
export const MSCCLPP = {
  groupSizes: [4, 8, 16, 32],
  bytes: 8 * MIB,
  nodeCounts: [2, 4, 8],
  bytesPerNode: MIB,
} as const;

/** Group sizes of FlashInfer's PCIe-IPC all-reduce. */
export const PCIE_IPC_GROUP_SIZES: readonly number[] = [2, 4, 8];

/** Rows of the PCIe-IPC workspace where SGLang knows no decode batch. */
export const PCIE_IPC_FALLBACK_ROWS = 64;

const RELEASE = 'sglang 0.5.23';
const COMMUNICATORS = `${RELEASE}: sglang/srt/distributed/device_communicators`;

/** The release that was read, and where each rule stands in it. */
export const SGLANG = {
  release: '0.5.23',
  order: `${RELEASE}: sglang/srt/distributed/parallel_state.py:745-780, 949-993`,
  groups: `${RELEASE}: sglang/srt/distributed/parallel_state.py:2357-2384, 2686-2977`,
  gate: `${RELEASE}: sglang/srt/layers/layer_boundary/residual/add_norm.py:139-158`,
  layerCode: `${RELEASE}: sglang/srt/layers/layer_boundary/fusions/allreduce.py:41-165, sglang/srt/layers/layernorm.py:208-272`,
  call: `${RELEASE}: sglang/srt/layers/flashinfer_comm_fusion.py:838-921`,
  backend: `${RELEASE}: sglang/srt/layers/flashinfer_comm_fusion.py:46-83`,
  preflight: `${RELEASE}: sglang/srt/layers/flashinfer_comm_fusion.py:253-392`,
  plainFlashInfer: `${RELEASE}: sglang/srt/distributed/bootstrap.py:257-261, sglang/srt/layers/flashinfer_comm_fusion.py:926-1047`,
  autoEnable: `${RELEASE}: sglang/srt/arg_groups/overrides.py:929-1017`,
  cutedsl: `${RELEASE}: sglang/srt/layers/layer_boundary/fusions/cutedsl.py:285-302, sglang/srt/layers/flashinfer_mnnvl_cutedsl.py:43-45, 410-418`,
  own: `${RELEASE}: sglang/srt/layers/layer_boundary/fusions/custom_all_reduce_fusion.py:181-198, sglang/srt/layers/quantization/mxfp4_flashinfer_trtllm_moe.py:623-639, sglang/srt/models/minimax_m3.py:1672-1684, 2086-2089`,
  ownForm: `${RELEASE}: sglang/kernels/ops/communication/all_reduce_fusion.py:47-56, 328`,
  deterministic: `${RELEASE}: sglang/srt/arg_groups/attention_hook.py:676-698, sglang/srt/arg_groups/overrides.py:1062-1071`,
  custom: `${COMMUNICATORS}/configs/custom_all_reduce_v2.py`,
  customOrder: `${COMMUNICATORS}/custom_all_reduce_v2.py:385-399`,
  customClip: `${COMMUNICATORS}/custom_all_reduce_v2.py:147-193`,
  customHost: `${COMMUNICATORS}/custom_all_reduce_v2.py:582-599`,
  legacy: `${COMMUNICATORS}/custom_all_reduce.py:41-42, 260-274, 373-399`,
  pcieIpc: `${COMMUNICATORS}/pcie_ipc_ar.py:77-118, 247-276, 387-405`,
  mscclpp: `${COMMUNICATORS}/pymscclpp.py:322-328, 565-581, 1139-1160`,
  symmetric: `${COMMUNICATORS}/all_reduce_utils.py:3-16, torch_symm_mem.py:51-54, 116-123, 128-149`,
  nvls: `${RELEASE}: sglang/srt/entrypoints/engine.py:1908-1915`,
  flags: `${RELEASE}: sglang/srt/arg_groups/fields/exec_.py:715-805`,
  environment: `${RELEASE}: sglang/srt/environ.py:1522-1540`,
  flashInferForm:
    'flashinfer-python 0.7.2: flashinfer/comm/trtllm_ar.py:708-721, flashinfer/comm/trtllm_mnnvl_ar.py:40-51',
} as const;
