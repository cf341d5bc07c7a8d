import { opBase } from '@arfuse/graph';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { RawCall, RawResult } from './call.ts';
import { isList, isTensor, type RawValue } from './raw-value.ts';

/** How one op that computes a whole norm rounds. */
interface NormRule {
  /**
   * Type of the multiply by the weight: `wide` float32 with one rounding at the end, `io` after a cast to the
   * activation dtype, `weight` after a cast to the weight's dtype.
   */
  readonly multiply: 'wide' | 'io' | 'weight';
  /** Whether the sum with the residual is normed before it is rounded to the activation dtype. */
  readonly unroundedSum?: boolean;
  /** Gemma: the weight counts from one. */
  readonly gemma?: boolean;
  /** Elements are divided by the root of the mean square, not multiplied by its reciprocal. */
  readonly divides?: boolean;
}

interface NormInput {
  readonly x: RefTensor;
  readonly residual?: RefTensor;
  readonly weight: RefTensor | undefined;
  readonly eps: number;
}

function rms(
  call: RawCall,
  { x, residual, weight, eps }: NormInput,
  rule: NormRule,
): { normed: RefTensor; sum: RefTensor } {
  const { arithmetic } = call;
  const hidden = x.shape.at(-1) ?? call.unsupported('its input has no dimension');
  if (weight && weight.data.length !== hidden)
    call.unsupported(`its weight has ${weight.data.length} elements, the row ${hidden}`);
  if (residual && residual.data.length !== x.data.length)
    call.unsupported('its residual has another size');
  const { dtype } = x;
  const single = (value: number): number => arithmetic.compute('f32', value);
  const between =
    rule.multiply === 'io' ? dtype : rule.multiply === 'weight' && weight ? weight.dtype : 'f32';
  const sum = new Float64Array(x.data.length);
  const normed = new Float64Array(x.data.length);
  const row = new Float64Array(hidden);
  for (let start = 0; start < x.data.length; start += hidden) {
    let squares = 0;
    for (let i = 0; i < hidden; i += 1) {
      const added = residual
        ? single(x.data[start + i]! + residual.data[start + i]!)
        : x.data[start + i]!;
      sum[start + i] = arithmetic.store(dtype, added);
      row[i] = rule.unroundedSum ? added : sum[start + i]!;
      squares += single(row[i]! * row[i]!);
    }
    const root = single(Math.sqrt(single(single(squares / hidden) + single(eps))));
    const scale = single(1 / root);
    for (let i = 0; i < hidden; i += 1) {
      let value = single(rule.divides ? row[i]! / root : row[i]! * scale);
      if (weight) {
        const gain = rule.gemma ? single(1 + weight.data[i]!) : weight.data[i]!;
        value = arithmetic.store(between, single(arithmetic.store(between, value) * gain));
      }
      normed[start + i] = arithmetic.store(dtype, value);
    }
  }
  return {
    normed: { dtype, shape: x.shape, data: normed },
    sum: { dtype, shape: x.shape, data: sum },
  };
}

const optional = (value: RawValue | undefined): RefTensor | undefined =>
  isTensor(value) ? value : undefined;

const weightOf = (call: RawCall): RefTensor | undefined => optional(call.param('weight'));

/** vLLM IR (`vllm/ir/ops/layernorm.py` in 0.33): float32 sum, normed unrounded, multiplied in the weight's dtype. */
const IR: NormRule = { multiply: 'weight', unroundedSum: true };

function irInput(call: RawCall): NormInput {
  const part = call.param('variance_size');
  if (part !== undefined && part !== null)
    call.unsupported('it takes the variance of a part of the row');
  return { x: call.tensorParam('x'), weight: weightOf(call), eps: call.numberParam('epsilon') };
}

/** `vllm_ir.rms_norm(x, weight, epsilon)`. */
export function irRmsNorm(call: RawCall): RawResult {
  return { results: [rms(call, irInput(call), IR).normed] };
}

/** `vllm_ir.fused_add_rms_norm(x, x_residual, weight, epsilon)` → (normed, sum). */
export function irFusedAddRmsNorm(call: RawCall): RawResult {
  const { normed, sum } = rms(
    call,
    { ...irInput(call), residual: call.tensorParam('x_residual', 'residual') },
    IR,
  );
  return { results: [normed, sum] };
}

/** vLLM's CUDA kernels (`csrc/layernorm_kernels.cu`): sum in the activation dtype, weight after the down-cast. */
export const VLLM_KERNEL: NormRule = { multiply: 'io' };
/** FlashInfer's norm kernels (`norm.cuh`), also inside sgl_kernel: everything in float32, the unrounded sum is normed. */
export const FLASHINFER_KERNEL: NormRule = { multiply: 'wide', unroundedSum: true };
export const FLASHINFER_GEMMA: NormRule = { ...FLASHINFER_KERNEL, gemma: true };

/** AutoDeploy's Triton kernels (`normalization/triton_rms_norm.py`): the rounded sum, the weight in float32. */
export const AUTO_DEPLOY_TRITON: NormRule = { multiply: 'wide', divides: true };

const kernelInput = (call: RawCall): NormInput => ({
  x: call.tensorParam('input', 'x'),
  weight: weightOf(call),
  eps: call.numberParam('epsilon', 'eps'),
});

/** `op(input, weight, eps)` → normed. */
export const pureRmsNorm =
  (rule: NormRule) =>
  (call: RawCall): RawResult => ({ results: [rms(call, kernelInput(call), rule).normed] });

/** `op(out, input, weight, eps)`: changes its first argument. */
export const intoRmsNorm =
  (rule: NormRule) =>
  (call: RawCall): RawResult => {
    const { normed } = rms(call, kernelInput(call), rule);
    return { results: [normed], states: states([[0, 'result', 'output', 'out'], normed]) };
  };

/** `op(input, residual, weight, eps)`: changes both to the normed value and the sum. */
export const inPlaceAddRmsNorm =
  (rule: NormRule) =>
  (call: RawCall): RawResult => {
    const { normed, sum } = rms(
      call,
      { ...kernelInput(call), residual: call.tensorParam('residual') },
      rule,
    );
    return {
      results: [normed, sum],
      states: states([[0, 'input', 'x'], normed], [[1, 'residual'], sum]),
    };
  };

/** `op(input, residual, weight, eps)` → (normed, sum), in new tensors. */
export const pureAddRmsNorm =
  (rule: NormRule) =>
  (call: RawCall): RawResult => {
    const residual = call.tensorParam('residual');
    const { normed, sum } = rms(call, { ...kernelInput(call), residual }, rule);
    return { results: [normed, sum] };
  };

/**
 * `_C_ascend.npu_add_rms_norm_bias(x1, x2, gamma, beta, epsilon)` → (normed, reciprocal root, sum): as the reference in
 * vLLM Ascend's own test of it computes.
 */
export function ascendAddRmsNorm(call: RawCall): RawResult {
  if (isTensor(call.param('beta', 'bias'))) call.unsupported('it adds a bias to the normed value');
  const input: NormInput = {
    x: call.tensorParam('x1', 'x'),
    residual: call.tensorParam('x2', 'residual'),
    weight: optional(call.param('gamma', 'weight')),
    eps: call.param('epsilon') === undefined ? 1e-6 : call.numberParam('epsilon'),
  };
  const { normed, sum } = rms(call, input, VLLM_KERNEL);
  return { results: [normed, null, sum] };
}

/** What `eps=None` means for a norm that computes in float32: its machine epsilon. */
const F32_EPSILON = 2 ** -23;

/** `aten.rms_norm(input, [hidden], weight, eps)`: float32, weight included, one rounding. */
export function torchRmsNorm(call: RawCall): RawResult {
  const shape = call.param('normalized_shape');
  if (isList(shape) && shape.length !== 1)
    call.unsupported('it norms over more than the last dimension');
  const eps = call.param('eps') ?? F32_EPSILON;
  const input: NormInput = {
    x: call.tensorParam('input', 'self'),
    weight: weightOf(call),
    eps: typeof eps === 'number' ? eps : call.unsupported('its eps is no number'),
  };
  const { normed } = rms(call, input, { multiply: 'wide' });
  // `_fused_rms_norm` also gives the reciprocal deviations, which no inference graph reads.
  return { results: opBase(call.node.op) === 'aten._fused_rms_norm' ? [normed, null] : [normed] };
}

type State = readonly [keys: readonly (number | string)[], value: RawValue];

/** States of changed arguments, by every key that may name them. */
export function states(...list: readonly State[]): ReadonlyMap<number | string, RawValue> {
  const map = new Map<number | string, RawValue>();
  for (const [keys, value] of list) for (const key of keys) map.set(key, value);
  return map;
}
