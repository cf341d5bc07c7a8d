import type {
  IoDType,
  NormStage,
  NumericsRecord,
  PatternName,
  QuantAttributes,
  SiteOutput,
  Stage,
} from '@arfuse/contract';
import { isIoDType } from '@arfuse/contract';
import type { Node, ValueId } from '@arfuse/graph';
import { argOf, boolOf, isNone, numberOf, valueOf } from '../flow/args.ts';
import { numericsOf } from '../fusions/numerics.ts';
import { patternName } from '../fusions/pattern-name.ts';
import type { AlreadyFused } from '../matching.ts';
import { groupName } from './all-reduce.ts';
import type { LiftContext } from './spelling.ts';
import { resolveWeight } from './weight.ts';

/** What one fused op of an engine does. */
interface FusedRow {
  readonly op: string;
  readonly params: readonly string[];
  readonly input: string;
  readonly residual: string;
  readonly weight: string;
  readonly eps: string;
  readonly group?: string;
  /** Quantiser by the op's pattern code or fusion op, with whether the normed value is stored, too. */
  readonly code?: { readonly param: string; readonly kinds: Readonly<Record<number, FusedKind>> };
  /** With this parameter given the residual is zero, and the sum is the all-reduce's result. */
  readonly normOut?: string;
  readonly fp32Acc?: string;
  readonly example: string;
}

interface FusedKind {
  readonly quant: 'none' | QuantAttributes['scheme'];
  readonly norm: boolean;
}

const NORM: FusedKind = { quant: 'none', norm: true };

/** Pattern codes of FlashInfer's `AllReduceFusionPattern`. */
const FLASHINFER_CODES: Readonly<Record<number, FusedKind>> = {
  1: NORM,
  2: { quant: 'fp8_static', norm: false },
  3: { quant: 'nvfp4', norm: false },
  4: { quant: 'fp8_static', norm: true },
  5: { quant: 'nvfp4', norm: true },
  8: { quant: 'fp8_group', norm: false },
  9: { quant: 'fp8_group', norm: true },
  10: { quant: 'fp8_token', norm: false },
  11: { quant: 'fp8_token', norm: true },
};

/** Codes of TensorRT-LLM's `AllReduceFusionOp` that norm once; 0 is a plain all-reduce. */
const TRTLLM_CODES: Readonly<Record<number, FusedKind>> = {
  1: NORM,
  4: { quant: 'fp8_static', norm: false },
  5: { quant: 'nvfp4', norm: false },
  6: { quant: 'fp8_static', norm: true },
  7: { quant: 'nvfp4', norm: true },
};

const EPS = 'eps|epsilon|rms_eps';
const TORCH = {
  params: ['input|input_tensor|tensor', 'residual', 'weight|norm_weight', EPS],
  input: 'input|input_tensor|tensor',
  residual: 'residual',
  weight: 'weight|norm_weight',
  eps: EPS,
} as const;

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
    fp32Acc: 'fp32_acc',
    example:
      'vllm.flashinfer_trtllm_fused_allreduce_norm(allreduce_in=x, residual=r, norm_out=None, rms_gamma=w, rms_eps=1e-05, pattern_code=1)',
  },
  {
    ...TORCH,
    op: 'sglang.flashinfer_allreduce_residual_rmsnorm',
    example:
      'y, s = sglang.flashinfer_allreduce_residual_rmsnorm(input_tensor=x, residual=r, weight=w, eps=1e-05)',
  },
  {
    ...TORCH,
    op: 'sglang._all_reduce_residual_norm_op',
    example: 'sglang._all_reduce_residual_norm_op(x, r, w, 1e-05)',
  },
  {
    ...TORCH,
    op: 'dist.trtllm_fused_allreduce_residual_rmsnorm',
    example: "y, s = dist.trtllm_fused_allreduce_residual_rmsnorm(x, r, w, 1e-05, 'NCCL')",
  },
  {
    op: 'trtllm.allreduce',
    params: [
      'input',
      'residual',
      'norm_weight',
      'scale',
      'bias',
      'workspace',
      'group',
      'strategy',
      'op|fusion_op',
      EPS,
    ],
    input: 'input',
    residual: 'residual',
    weight: 'norm_weight',
    eps: EPS,
    group: 'group',
    code: { param: 'op|fusion_op', kinds: TRTLLM_CODES },
    example: 'y, s = trtllm.allreduce(x, r, w, None, None, None, [0, 1], 3, 1, 1e-05)',
  },
];

/** What FlashInfer's quantisers compute. */
const QUANTS: Readonly<Record<QuantAttributes['scheme'], QuantAttributes>> = {
  fp8_token: {
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (448 * 512),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  fp8_group: {
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 128,
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major_packed',
  },
  fp8_static: {
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  nvfp4: {
    scheme: 'nvfp4',
    outputDtype: 'f4e2m1fnx2',
    groupSize: 16,
    scaleDtype: 'f8e4m3fn',
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'swizzled_128x4',
  },
};

/** Reads an op that an engine has fused before the capture; undefined when its code says that it does not norm. */
export function readFused(
  row: FusedRow,
  node: Node,
  context: LiftContext,
): AlreadyFused | undefined {
  const { graph, flow } = context;
  const value = (param: string): ValueId | undefined => valueOf(argOf(node, row.params, param));
  const input = value(row.input);
  const code = row.code && numberOf(argOf(node, row.params, row.code.param));
  const kind = row.code ? (code === undefined ? undefined : row.code.kinds[code]) : NORM;
  const hidden = input === undefined ? undefined : flow.lastDim(input);
  const dtype = input === undefined ? undefined : flow.dtype(input);
  if (
    input === undefined ||
    !kind ||
    hidden === undefined ||
    dtype === undefined ||
    !isIoDType(dtype)
  )
    return undefined;

  const operand = value(row.weight);
  const weight = operand === undefined ? undefined : resolveWeight(operand, context);
  const added = row.normOut === undefined || isNone(argOf(node, row.params, row.normOut));
  const norm: NormStage = {
    kind: 'norm',
    eps: numberOf(argOf(node, row.params, row.eps)) ?? 0,
    weightDtype: weight === undefined ? null : (weight.dtype ?? dtype),
    weightBias: numberOf(node.kwargs.weight_bias) === 1 ? 1 : (weight?.bias ?? 0),
  };
  const quant = kind.quant === 'none' ? undefined : QUANTS[kind.quant];
  const stages: Stage[] = [
    { kind: 'all_reduce' },
    ...(added ? [{ kind: 'residual', factor: null } as const] : []),
    norm,
    ...(quant ? [{ kind: 'quant', ...quant } as const] : []),
  ];
  const outputs: SiteOutput[] = [
    added ? 'residual' : 'all_reduce',
    ...(kind.norm ? ['norm' as const] : []),
    ...(quant ? ['quant' as const] : []),
  ];
  if (quant && quant.scheme !== 'fp8_static') outputs.push('scale');
  const numerics: NumericsRecord = {
    ...numericsOf({
      norm,
      quant,
      normInput: 'rounded',
      weightMultiply: 'before',
      preNormWeightMultiply: null,
      quantInput: quant ? 'rounded' : null,
      nan: quant === undefined || quant.scheme === 'fp8_static' ? 'propagate' : 'lost',
    }),
    ...(row.fp32Acc === undefined
      ? {}
      : {
          accumulate: boolOf(argOf(node, row.params, row.fp32Acc)) === true ? 'f32' : 'io',
          reduceOrder: 'rank',
        }),
  };
  return {
    node: node.id,
    pattern: patternName(stages) satisfies PatternName,
    stages,
    numerics,
    hidden,
    dtype: dtype satisfies IoDType,
    group: groupName(
      graph,
      row.group === undefined ? node.kwargs.group_name : argOf(node, row.params, row.group),
    ),
    outputs,
  };
}
