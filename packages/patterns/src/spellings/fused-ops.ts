import type { NumericsRecord, QuantAttributes } from '@arfuse/contract';

/** What one fused op of an engine does. `|` separates names of one parameter. */
export interface FusedRow {
  readonly op: string;
  readonly params: readonly string[];
  readonly input: string;
  /** Added to the sum over ranks where it is given. */
  readonly residual: string;
  readonly weight: string;
  readonly eps: string;
  /** The schema's eps, where a call may leave it out. */
  readonly defaultEps?: number;
  readonly group?: string;
  /** What a call does by its pattern code or fusion op, given as a number or as the name of an enum. */
  readonly code?: {
    readonly param: string;
    readonly kinds: Readonly<Record<number, FusedKind>>;
    /** Names of the codes, by value. */
    readonly names?: readonly string[];
  };
  /** What a call without a code does. */
  readonly kind?: FusedKind;
  /** The op norms only where this parameter is given and not false. */
  readonly onlyWith?: string;
  /** Added to the sum over ranks before anything else. */
  readonly bias?: string;
  /** With this parameter given the residual is zero, and the sum that is stored is the all-reduce's result. */
  readonly normOut?: string;
  /** Added to the weight: 1 for Gemma. */
  readonly weightBias?: string;
  /** Whether the sum with the residual is normed before it is rounded; rounded where absent. */
  readonly normInput?: 'unrounded';
  /** Whether the ranks are added in f32; unspecified where a call leaves it out. */
  readonly fp32Acc?: string;
  /** What else the op's kernels settle. */
  readonly numerics?: Partial<NumericsRecord>;
  /** Where it is known that the kernels behave so. */
  readonly source: string;
  readonly example: string;
}

/** One pattern code. */
export interface FusedKind {
  readonly quant: 'none' | QuantAttributes['scheme'];
  /** Whether the normed value is stored, too. */
  readonly norm: boolean;
  /** A norm before the residual, too. */
  readonly preNorm?: true;
  /** No residual is added, whatever is given. */
  readonly residual?: false;
  /** The op first combines the outputs of a row's experts into the partial sum that is reduced. */
  readonly moeFinalize?: true;
}

const NORM: FusedKind = { quant: 'none', norm: true };
const FINALIZE: FusedKind = { ...NORM, moeFinalize: true };
const NVFP4: FusedKind = { quant: 'nvfp4', norm: false };
const NVFP4_AND_NORM: FusedKind = { quant: 'nvfp4', norm: true };
const FP8: FusedKind = { quant: 'fp8_static', norm: false };
const FP8_AND_NORM: FusedKind = { quant: 'fp8_static', norm: true };

/** Pattern codes of FlashInfer's `AllReduceFusionPattern`. */
const FLASHINFER_CODES: Readonly<Record<number, FusedKind>> = {
  1: NORM,
  2: FP8,
  3: NVFP4,
  4: FP8_AND_NORM,
  5: NVFP4_AND_NORM,
  8: { quant: 'fp8_group', norm: false },
  9: { quant: 'fp8_group', norm: true },
  10: { quant: 'fp8_token', norm: false },
  11: { quant: 'fp8_token', norm: true },
};

/** TensorRT-LLM's `AllReduceFusionOp` by value (`tensorrt_llm/functional.py`). */
export const TRTLLM_FUSION_OPS = [
  'NONE',
  'RESIDUAL_RMS_NORM',
  'LAST_PROCESS_FOR_UB',
  'RESIDUAL_RMS_PREPOST_NORM',
  'RESIDUAL_RMS_NORM_QUANT_FP8',
  'RESIDUAL_RMS_NORM_QUANT_NVFP4',
  'RESIDUAL_RMS_NORM_OUT_QUANT_FP8',
  'RESIDUAL_RMS_NORM_OUT_QUANT_NVFP4',
  'MOE_FINALIZE_ALLREDUCE_RESIDUAL_RMS_NORM',
  'RMS_NORM',
] as const;

/** Codes that norm: 0 only reduces, 2 gathers what user buffers have left sharded. */
const TRTLLM_CODES: Readonly<Record<number, FusedKind>> = {
  1: NORM,
  3: { ...NORM, preNorm: true },
  4: FP8,
  5: NVFP4,
  6: FP8_AND_NORM,
  7: NVFP4_AND_NORM,
  8: FINALIZE,
  9: { ...NORM, residual: false },
};

const EPS = 'eps|epsilon|rms_eps';
const CODE = 'op|fusion_op';

const trtllm = (op: string, between: readonly string[] = []): FusedRow => ({
  op,
  params: [
    'input',
    'residual',
    'norm_weight',
    'scale',
    'bias',
    'workspace',
    'group',
    ...between,
    'strategy',
    CODE,
    EPS,
  ],
  input: 'input',
  residual: 'residual',
  weight: 'norm_weight',
  eps: EPS,
  group: 'group',
  bias: 'bias',
  code: { param: CODE, kinds: TRTLLM_CODES, names: TRTLLM_FUSION_OPS },
  source: 'TensorRT-LLM cpp/tensorrt_llm/thop/allreduceOp.cpp, kernels/customAllReduceKernels.cu',
  example: `y, s = ${op}(x, r, w, None, None, None, [0, 1]${between.map(() => ', 0').join('')}, 3, 1, 1e-05)`,
});

/** TensorRT-LLM's ops that end a layer of experts (`moeAllReduceFusionKernels.cu`): the residual is rounded, then normed. */
const trtllmExperts = (op: string, input: string, params: readonly string[]): FusedRow => ({
  op,
  params: [...params, 'workspace', 'rank', 'nranks', EPS],
  input,
  residual: 'residual',
  weight: 'norm_weight',
  eps: EPS,
  kind: FINALIZE,
  source: 'TensorRT-LLM cpp/tensorrt_llm/kernels/communicationKernels/moeAllReduceFusionKernels.cu',
  example: `y, s = ${op}(${params.map((param) => `${param}=${param}`).join(', ')}, workspace=b, rank=0, nranks=2, eps=1e-05)`,
});

const autoDeploy = (suffix: string, kind: FusedKind): FusedRow => {
  const op = `dist.trtllm_fused_allreduce_residual_rmsnorm${suffix}`;
  const scale = kind.quant === 'none' ? [] : ['scale'];
  return {
    op,
    params: [
      'tensor|input|input_tensor',
      'residual',
      'norm_weight|weight',
      ...scale,
      EPS,
      'strategy',
    ],
    input: 'tensor|input|input_tensor',
    residual: 'residual',
    weight: 'norm_weight|weight',
    eps: EPS,
    kind,
    source: 'TensorRT-LLM auto_deploy/custom_ops/distributed/trtllm_dist.py',
    example: `out = ${op}(x, r, w, ${scale.map(() => 'g, ').join('')}1e-05, 'NCCL')`,
  };
};

/**
 * SGLang's own kernels: partials travel unrounded and are added in f32 in rank order; the residual is added in f32 and
 * that sum is normed before it is rounded (`csrc/distributed/all_reduce_fusion.cuh` in 0.5.23).
 */
const sglang = (op: string, input: string, between: readonly string[], kind: FusedKind) =>
  ({
    op,
    params: [
      'world_size',
      'hidden_dim',
      ...(kind.moeFinalize ? ['top_k'] : []),
      'cluster_size',
      'out',
      input,
      ...between,
      'norm_weight',
      'norm_eps',
    ],
    input,
    residual: 'residual',
    weight: 'norm_weight',
    eps: 'norm_eps',
    onlyWith: 'norm_weight',
    kind,
    numerics: { accumulate: 'f32', reduceOrder: 'rank', hopRounding: false },
    source: 'sglang 0.5.23 kernels/jit/csrc/distributed/all_reduce_fusion.cuh',
  }) as const;

const withResidual = <T extends { readonly params: readonly string[] }>(row: T) =>
  ({
    ...row,
    params: [...row.params, 'residual', 'residual_out', 'weight_offset'],
    weightBias: 'weight_offset',
    normInput: 'unrounded',
  }) as const;

const EXPERTS = ['expanded_idx_to_permuted_idx', 'expert_weights', 'shared_output'] as const;

/** Ops of engines that already contain an all-reduce and a norm. */
export const ALREADY_FUSED: readonly FusedRow[] = [
  {
    op: 'vllm.flashinfer_trtllm_fused_allreduce_norm',
    params: ['allreduce_in', 'residual', 'rms_gamma', 'rms_eps'],
    input: 'allreduce_in',
    residual: 'residual',
    weight: 'rms_gamma',
    eps: 'rms_eps',
    code: { param: 'pattern_code', kinds: FLASHINFER_CODES },
    normOut: 'norm_out',
    weightBias: 'weight_bias',
    fp32Acc: 'fp32_acc',
    numerics: { reduceOrder: 'rank' },
    source: 'vllm 0.33.0 compilation/passes/fusion/allreduce_rms_fusion.py',
    example:
      'vllm.flashinfer_trtllm_fused_allreduce_norm(allreduce_in=x, residual=r, norm_out=None, rms_gamma=w, rms_eps=1e-05, pattern_code=1)',
  },
  {
    op: 'sglang.flashinfer_allreduce_residual_rmsnorm',
    params: [
      'input_tensor|input|tensor',
      'residual',
      'weight|norm_weight',
      EPS,
      'max_token_num',
      'use_oneshot',
      'trigger_completion_at_end',
      'fp32_acc',
    ],
    input: 'input_tensor|input|tensor',
    residual: 'residual',
    weight: 'weight|norm_weight',
    eps: EPS,
    defaultEps: 1e-6,
    kind: NORM,
    fp32Acc: 'fp32_acc',
    source: 'sglang 0.5.23 srt/layers/flashinfer_comm_fusion.py',
    example:
      'y, s = sglang.flashinfer_allreduce_residual_rmsnorm(input_tensor=x, residual=r, weight=w, eps=1e-05)',
  },
  {
    ...withResidual(sglang('sglang._all_reduce_residual_norm_op', 'input', [], NORM)),
    example:
      'sglang._all_reduce_residual_norm_op(2, 4096, 4, out, x, w, 1e-05, r, r, 0.0, False, 1)',
  },
  {
    ...withResidual(
      sglang(
        'sglang._moe_finalize_all_reduce_residual_norm_op',
        'gemm2_out',
        [...EXPERTS],
        FINALIZE,
      ),
    ),
    example:
      'sglang._moe_finalize_all_reduce_residual_norm_op(2, 4096, 8, 4, out, x, idx, scales, shared, w, 1e-05, r, r, 0.0, False, 1)',
  },
  {
    ...sglang('sglang._moe_finalize_all_reduce_op', 'gemm2_out', [...EXPERTS], FINALIZE),
    example:
      'sglang._moe_finalize_all_reduce_op(2, 4096, 8, 4, out, x, idx, scales, shared, w, 1e-05, False)',
  },
  autoDeploy('', NORM),
  autoDeploy('_quant_nvfp4', NVFP4),
  autoDeploy('_out_quant_nvfp4', NVFP4_AND_NORM),
  trtllm('trtllm.allreduce'),
  trtllm('trtllm.tunable_allreduce'),
  trtllm('trtllm.allreduce_pg', ['rank', 'pg']),
  {
    op: 'trtllm.mnnvl_fusion_allreduce',
    params: ['input', 'residual', 'gamma', EPS, 'comm_buffer', 'buffer_flags', 'rmsnorm_fusion'],
    input: 'input',
    residual: 'residual',
    weight: 'gamma',
    eps: EPS,
    onlyWith: 'rmsnorm_fusion',
    kind: NORM,
    source: 'TensorRT-LLM cpp/tensorrt_llm/kernels/communicationKernels/mnnvlAllreduceKernels.cu',
    example: 'y, s = trtllm.mnnvl_fusion_allreduce(x, r, w, 1e-05, buffer, flags, True)',
  },
  trtllmExperts('trtllm.moe_finalize_allreduce', 'input', [
    'input',
    'residual',
    'norm_weight',
    'expanded_idx_to_permuted_idx',
    'shared_expert_output',
    'expert_scale_factor',
  ]),
  trtllmExperts('trtllm.moe_allreduce', 'token_input', [
    'residual',
    'norm_weight',
    'device_num_experts',
    'scale_input',
    'active_experts_token_input',
    'token_input',
  ]),
];
