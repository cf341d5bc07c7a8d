import type { DType } from '@arfuse/contract';
import { type Node, opBase } from '@arfuse/graph';
import { argOf, isNone, numberOf, numbersOf, stateOf, valueOf } from '../flow/args.ts';
import type { CanonicalOp } from './canonical.ts';
import { narrowings } from './narrowings.ts';
import { type LiftContext, rejected, type Spelling } from './spelling.ts';
import { resolveWeight } from './weight.ts';

type Multiply = 'before' | 'after' | 'weight_dtype';

/** Facts about one op that computes a whole norm. `|` separates names of one parameter. */
interface NormRow {
  readonly op: string;
  readonly params: readonly string[];
  readonly x: string;
  readonly residual?: string;
  /** Where the normed value is: a result by index, or the state of a parameter. */
  readonly output: number | string;
  /** The same for the sum. */
  readonly sum?: number | string;
  /** Changed parameters in schema order. */
  readonly mutated?: readonly string[];
  readonly normInput?: 'rounded' | 'unrounded';
  /** `weight_dtype`: the normed value is cast to the weight's dtype first. */
  readonly multiply: Multiply;
  readonly weightBias?: 0 | 1;
  /** `weight` where absent. */
  readonly weight?: string;
  /** Parameter with which the op does something more, and what that is. */
  readonly more?: { readonly param: string; readonly does: string };
  /** Used when the argument is absent or None. */
  readonly defaultEps?: number;
  readonly example: string;
}

const EPS = 'epsilon|eps|variance_epsilon';
/** PyTorch uses the epsilon of the type it computes in, which is f32 for 16-bit inputs. */
const F32_EPS = 2 ** -23;

const IR = { multiply: 'weight_dtype' } as const;
const TORCH = {
  params: ['input|self', 'normalized_shape', 'weight', EPS],
  x: 'input|self',
  output: 0,
  multiply: 'before',
  defaultEps: F32_EPS,
} as const;

/** FlashInfer's own norm kernels, also inside sgl_kernel and TensorRT-LLM: weight in f32, sum normalised before it is rounded (norm.cuh). */
const flashinfer = (
  space: 'flashinfer' | 'sgl_kernel' | 'trtllm',
  prefix: '' | 'gemma_',
): readonly NormRow[] => {
  const weightBias = prefix === '' ? 0 : 1;
  const family = `${space}.${space === 'trtllm' ? 'flashinfer_' : ''}${prefix}`;
  const op = `${family}rmsnorm`;
  const common = { x: 'input', multiply: 'before', weightBias } as const;
  return [
    space !== 'sgl_kernel'
      ? {
          ...common,
          op,
          params: ['input', 'weight', EPS, 'out', 'enable_pdl'],
          output: 0,
          example: `y = ${op}(x, w, eps)`,
        }
      : {
          ...common,
          op,
          params: ['out|output', 'input', 'weight', EPS, 'enable_pdl'],
          output: 'out|output',
          mutated: ['out|output'],
          example: `${op}(out, x, w, eps, False)`,
        },
    {
      ...common,
      op: `${family}fused_add_rmsnorm`,
      params: ['input', 'residual', 'weight', EPS, 'enable_pdl'],
      residual: 'residual',
      output: 'input',
      sum: 'residual',
      mutated: ['input', 'residual'],
      normInput: 'unrounded',
      example: `${family}fused_add_rmsnorm(x, residual, w, eps, False)`,
    },
  ];
};

export const NORM_OPS: readonly NormRow[] = [
  // vLLM IR: f32 sum, the unrounded sum is normalised, cast to the weight's dtype, multiplied, cast back.
  {
    ...IR,
    op: 'vllm_ir.rms_norm',
    params: ['x', 'weight', EPS, 'variance_size'],
    x: 'x',
    output: 0,
    example: 'y = vllm_ir.rms_norm(x, w, 1e-05)',
  },
  {
    ...IR,
    op: 'vllm_ir.fused_add_rms_norm',
    params: ['x', 'x_residual|residual', 'weight', EPS, 'variance_size'],
    x: 'x',
    residual: 'x_residual|residual',
    output: 0,
    sum: 1,
    normInput: 'unrounded',
    example: 'y, s = vllm_ir.fused_add_rms_norm(x, residual, w, 1e-05)',
  },
  // vLLM's CUDA kernels add in the activation dtype and multiply by the weight after the down-cast (csrc/layernorm_kernels.cu).
  {
    op: '_C.rms_norm',
    params: ['result|out', 'input', 'weight', EPS],
    x: 'input',
    output: 'result|out',
    mutated: ['result|out'],
    multiply: 'after',
    example: '_C.rms_norm(out, x, w, 1e-05)',
  },
  {
    op: '_C.fused_add_rms_norm',
    params: ['input', 'residual', 'weight', EPS],
    x: 'input',
    residual: 'residual',
    output: 'input',
    sum: 'residual',
    mutated: ['input', 'residual'],
    normInput: 'rounded',
    multiply: 'after',
    example: '_C.fused_add_rms_norm(x, residual, w, 1e-05)',
  },
  // PyTorch computes in f32, weight included, and rounds once.
  { ...TORCH, op: 'aten.rms_norm', example: 'y = aten.rms_norm(x, [4096], w, 1e-05)' },
  {
    ...TORCH,
    op: 'aten._fused_rms_norm',
    example: 'y, rstd = aten._fused_rms_norm(x, [4096], w, 1e-05)',
  },
  {
    ...TORCH,
    op: 'torch.nn.functional.rms_norm',
    example: 'y = torch.nn.functional.rms_norm(x, (4096,), w, 1e-05)',
  },
  { ...TORCH, op: 'torch.rms_norm', example: 'y = torch.rms_norm(x, (4096,), w, 1e-05)' },
  ...flashinfer('sgl_kernel', ''),
  ...flashinfer('sgl_kernel', 'gemma_'),
  ...flashinfer('flashinfer', ''),
  ...flashinfer('flashinfer', 'gemma_'),
  {
    op: 'auto_deploy.torch_rmsnorm',
    params: ['input', 'weight', EPS],
    x: 'input',
    output: 0,
    multiply: 'after',
    example: 'y = auto_deploy.torch_rmsnorm(x, w, 1e-05)',
  },
  ...flashinfer('trtllm', ''),
  ...flashinfer('trtllm', 'gemma_'),
  {
    op: 'auto_deploy.flashinfer_rms_norm',
    params: ['input', 'weight', EPS],
    x: 'input',
    output: 0,
    multiply: 'before',
    example: 'y = auto_deploy.flashinfer_rms_norm(x, w, 1e-05)',
  },
  {
    op: 'auto_deploy.flashinfer_fused_add_rms_norm_inplace',
    params: ['x', 'residual', 'weight', EPS],
    x: 'x',
    residual: 'residual',
    output: 'x',
    sum: 'residual',
    mutated: ['x', 'residual'],
    normInput: 'unrounded',
    multiply: 'before',
    example: 'auto_deploy.flashinfer_fused_add_rms_norm_inplace(x, residual, w, 1e-05)',
  },
  // AutoDeploy's Triton kernels round the sum, and multiply by the weight in f32 (normalization/triton_rms_norm.py).
  {
    op: 'auto_deploy.triton_rms_norm',
    params: ['input', 'weight', EPS],
    x: 'input',
    output: 0,
    multiply: 'before',
    example: 'y = auto_deploy.triton_rms_norm(x, w, 1e-05)',
  },
  {
    op: 'auto_deploy.triton_fused_add_rms_norm',
    params: ['input', 'residual', 'weight', EPS],
    x: 'input',
    residual: 'residual',
    output: 0,
    sum: 1,
    normInput: 'rounded',
    multiply: 'before',
    example: 'y, s = auto_deploy.triton_fused_add_rms_norm(x, residual, w, 1e-05)',
  },
  // vLLM Ascend (csrc/moe/add_rms_norm_bias at 182b75ea). Its own reference norms the rounded sum and casts down before the
  // weight; so do its kernels, but for bf16 rows that fit one core's buffer, whose sum is normed before it is rounded. The
  // graph does not say which tiling runs, so the record is that of the reference.
  {
    op: '_C_ascend.npu_add_rms_norm_bias',
    params: ['x1|x', 'x2|residual', 'gamma|weight', 'beta|bias', EPS],
    x: 'x1|x',
    residual: 'x2|residual',
    weight: 'gamma|weight',
    more: { param: 'beta|bias', does: 'adds a bias to the normed value (beta)' },
    output: 0,
    sum: 2,
    normInput: 'rounded',
    multiply: 'after',
    defaultEps: 1e-6,
    example: 'y, rstd, s = _C_ascend.npu_add_rms_norm_bias(x, residual, w, None, 1e-06)',
  },
];

function multiplyOf(row: NormRow, io: DType | undefined, weight: DType | null): 'before' | 'after' {
  if (weight === null) return 'before';
  if (row.multiply !== 'weight_dtype') return row.multiply;
  return weight === 'f32' || weight === 'f64' || io === 'f32' ? 'before' : 'after';
}

function lift(row: NormRow, spelling: string, node: Node, context: LiftContext): CanonicalOp[] {
  const { graph, flow } = context;
  const { params } = row;
  const x = valueOf(argOf(node, params, row.x));
  const residual =
    row.residual === undefined ? undefined : valueOf(argOf(node, params, row.residual));
  if (x === undefined) return [];
  const refuse = (reason: string): CanonicalOp[] => [
    rejected(spelling, node, [x, residual], `\`${node.name}\` ${reason}`),
  ];
  if (row.residual !== undefined && residual === undefined) return refuse('has no residual');

  const epsArg = argOf(node, params, EPS);
  const eps = isNone(epsArg) ? row.defaultEps : numberOf(epsArg);
  if (eps === undefined) return refuse('states no literal eps');
  if (!isNone(argOf(node, params, 'variance_size')))
    return refuse('takes the variance of a part of the row (variance_size)');
  if (row.more !== undefined && !isNone(argOf(node, params, row.more.param)))
    return refuse(row.more.does);
  const shape = argOf(node, params, 'normalized_shape');
  const normalized = shape === undefined ? undefined : numbersOf(shape);
  if (shape !== undefined && normalized?.length !== 1)
    return refuse('norms over more than the last dimension');

  const operand = valueOf(argOf(node, params, row.weight ?? 'weight'));
  const weight = operand === undefined ? undefined : resolveWeight(operand, context);
  const at = (place: number | string): number | undefined =>
    typeof place === 'number'
      ? graph.result(node, place)?.id
      : stateOf(graph, node, params, place, row.mutated ?? []);
  const output = at(row.output);
  if (output === undefined) return refuse('leaves its normed value unused');
  const buffer =
    typeof row.output === 'string' && row.output !== row.x
      ? valueOf(argOf(node, params, row.output))
      : undefined;
  const widened = flow.widened(x) !== undefined && residual === undefined;
  // Called on an f32 copy of the data: the cast back is the norm's only rounding.
  const back = widened ? narrowings(output, context)[0] : undefined;
  const io = (back ? flow.dtype(back.output) : undefined) ?? flow.dtype(x) ?? flow.dtype(output);
  const weightDtype = weight === undefined ? null : (weight.dtype ?? io ?? null);
  const read = operand === undefined ? null : (flow.dtype(operand) ?? weightDtype);
  const norm = {
    spelling,
    node: node.id,
    covered: [node.id, ...(back ? [back.node] : [])],
    side: [
      ...(weight?.side ?? []),
      ...bufferNodes(buffer, context),
      ...flow.path(x),
      ...(residual === undefined ? [] : flow.path(residual)),
    ],
    x: back ? flow.numbers(x) : flow.root(x),
    eps,
    output: back?.output ?? output,
    ...(back ? { unrounded: output } : {}),
    weight: weight?.value ?? null,
    weightDtype,
    weightBias: weight === undefined ? 0 : (row.weightBias ?? 0) === 1 ? 1 : weight.bias,
    weightMultiply: back ? 'before' : multiplyOf(row, io, read),
    hidden: normalized?.[0] ?? flow.lastDim(x),
  } as const;
  if (row.weightBias === 1 && weight?.bias === 1)
    return refuse('adds one to a weight that already has one added');
  if (residual === undefined) return [{ op: 'norm.rms', ...norm }];
  return [
    {
      op: 'norm.add_rms',
      ...norm,
      residual: flow.root(residual),
      sum: row.sum === undefined ? undefined : at(row.sum),
      normInput: row.normInput ?? 'rounded',
    },
  ];
}

/** The node that allocates a buffer which the op overwrites. */
function bufferNodes(buffer: number | undefined, { graph }: LiftContext): number[] {
  const node = buffer === undefined ? undefined : graph.producer(buffer);
  return node && /(^|[._])(empty|zeros)(_like)?$/.test(opBase(node.op)) ? [node.id] : [];
}

export const NORM_OP_SPELLINGS: readonly Spelling[] = NORM_OPS.map((row) => {
  const name = `${row.residual === undefined ? 'norm.rms' : 'norm.add_rms'}/${row.op}`;
  return {
    name,
    produces: row.residual === undefined ? 'norm.rms' : 'norm.add_rms',
    ops: [row.op],
    title: `\`${row.op}\`, in place or functional`,
    example: row.example,
    lift: (node, context) => lift(row, name, node, context),
  };
});
