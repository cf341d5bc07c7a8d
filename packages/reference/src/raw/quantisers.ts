import { FLOAT_FORMATS } from '../numeric/round.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { RawCall, RawResult } from './call.ts';
import { states } from './norms.ts';
import { isList, isTensor } from './raw-value.ts';

const E4M3_MAX = FLOAT_FORMATS.f8e4m3fn!.maxFinite;

/**
 * As the GPU's fmin(fmax(x, -max), max). A NaN is lost: it is given as -max, also where the op's clamps are the other way
 * round and make it +max (`_C.static_scaled_fp8_quant`, `_C.dynamic_per_token_scaled_fp8_quant`), since a numerics record
 * says that a NaN is lost and not as which of the two.
 */
const clamp = (x: number, max: number): number =>
  x !== x ? -max : Math.max(-max, Math.min(max, x));

/** Largest absolute value of a run; the GPU's maximum leaves NaN out. Without a number it is `none`. */
function absoluteMax(data: Float64Array, start: number, end: number, none: number): number {
  let max = none;
  for (let i = start; i < end; i += 1) {
    const value = Math.abs(data[i]!);
    // Written so that any number replaces an initial NaN.
    if (value === value && !(value <= max)) max = value;
  }
  return max;
}

/** `_C.static_scaled_fp8_quant(result, input, scale, group_shape)`: multiplies by the reciprocal of the scale. */
export function staticFp8(call: RawCall): RawResult {
  const shape = call.param('group_shape');
  if (isList(shape) && shape.some((size) => size !== -1))
    call.unsupported('it scales groups of elements');
  const scale = call.tensorParam('scale');
  if (scale.data.length !== 1) call.unsupported(`it has ${scale.data.length} scales`);
  const input = call.tensorParam('input');
  const { arithmetic } = call;
  const inverse = arithmetic.compute('f32', 1 / scale.data[0]!);
  const data = input.data.map((value) =>
    arithmetic.saturate('f8e4m3fn', clamp(arithmetic.compute('f32', value * inverse), E4M3_MAX)),
  );
  return {
    results: [],
    states: states([[0, 'result'], { dtype: 'f8e4m3fn', shape: input.shape, data }]),
  };
}

/** Rows or groups of a row that share a scale: `scale = max(absmax / 448, floor)`, elements divided by it. */
function dynamicFp8(
  call: RawCall,
  input: RefTensor,
  group: number,
  floor: number,
  ue8m0: boolean,
): { quant: RefTensor; scale: RefTensor } {
  const { arithmetic } = call;
  const single = (x: number): number => arithmetic.compute('f32', x);
  const data = new Float64Array(input.data.length);
  const count = input.data.length / group;
  if (!Number.isInteger(count)) call.unsupported(`groups of ${group} do not divide its input`);
  const scales = new Float64Array(count);
  for (let s = 0; s < count; s += 1) {
    const [start, end] = [s * group, (s + 1) * group];
    const scale = Math.max(
      single(absoluteMax(input.data, start, end, 0) / E4M3_MAX),
      single(floor),
    );
    scales[s] = ue8m0 ? arithmetic.saturate('f8e8m0fnu', scale) : scale;
    // An infinite scale is stored as the NaN of UE8M0, but divides as infinity.
    const divisor = scale === Number.POSITIVE_INFINITY ? scale : scales[s]!;
    for (let i = start; i < end; i += 1) {
      data[i] = arithmetic.saturate('f8e4m3fn', clamp(single(input.data[i]! / divisor), E4M3_MAX));
    }
  }
  const rows = input.data.length / input.shape.at(-1)!;
  return {
    quant: { dtype: 'f8e4m3fn', shape: input.shape, data },
    scale: { dtype: ue8m0 ? 'f8e8m0fnu' : 'f32', shape: [rows, count / rows], data: scales },
  };
}

/** `_C.dynamic_per_token_scaled_fp8_quant(result, input, scale, scale_ub)`. */
export function perTokenFp8(call: RawCall): RawResult {
  if (isTensor(call.param('scale_ub'))) call.unsupported('it bounds the scale from above');
  const input = call.tensorParam('input');
  const { quant, scale } = dynamicFp8(
    call,
    input,
    input.shape.at(-1)!,
    1 / (E4M3_MAX * 512),
    false,
  );
  return { results: [], states: states([[0, 'result'], quant], [[2, 'scale', 'scales'], scale]) };
}

/** `_C.per_token_group_fp8_quant(input, output_q, output_s, group_size, eps, fp8_min, fp8_max, scale_ue8m0, …)`. */
export function perGroupFp8(call: RawCall): RawResult {
  const input = call.tensorParam('input');
  const max = call.numberParam('fp8_max', 'max_8bit');
  if (max !== E4M3_MAX) call.unsupported(`it clamps to ${max}, not to ${E4M3_MAX}`);
  const powers = call.param('scale_ue8m0') === true;
  // What is rounded up to a power of two is held above 1e-10 first (fp8/per_token_group_quant.cu).
  const floor = Math.max(call.numberParam('eps') / E4M3_MAX, powers ? 1e-10 : 0);
  const { quant, scale } = dynamicFp8(call, input, call.numberParam('group_size'), floor, powers);
  return { results: [], states: states([[1, 'output_q'], quant], [[2, 'output_s'], scale]) };
}

const BLOCK = 16;
const E2M1_MAX = FLOAT_FORMATS.f4e2m1fnx2!.maxFinite;

/**
 * `_C.scaled_fp4_quant(output, input, output_scale, input_scale, is_sf_swizzled_layout)`, and `.out` by keyword. Results
 * are logical: one element per value and `[rows, hidden / 16]` scales, whatever the storage packs and swizzles.
 */
export function nvfp4(call: RawCall): RawResult {
  const input = call.tensorParam('input');
  const global = call.tensorParam('input_scale').data[0]!;
  const { arithmetic } = call;
  const single = (x: number): number => arithmetic.compute('f32', x);
  const hidden = input.shape.at(-1)!;
  if (hidden % BLOCK !== 0) call.unsupported(`blocks of ${BLOCK} do not divide rows of ${hidden}`);
  const data = new Float64Array(input.data.length);
  const scales = new Float64Array(input.data.length / BLOCK);
  for (let s = 0; s < scales.length; s += 1) {
    const [start, end] = [s * BLOCK, (s + 1) * BLOCK];
    const sixth = single(absoluteMax(input.data, start, end, Number.NaN) * single(1 / E2M1_MAX));
    const scale = arithmetic.saturate('f8e4m3fn', single(global * sixth));
    scales[s] = scale;
    const factor = scale === 0 ? 0 : single(global / scale);
    for (let i = start; i < end; i += 1) {
      // The conversion saturates by itself, NaN to the largest value.
      data[i] = arithmetic.saturate('f4e2m1fnx2', single(input.data[i]! * factor));
    }
  }
  const rows = input.data.length / hidden;
  const quant: RefTensor = { dtype: 'f4e2m1fnx2', shape: [rows, hidden], data };
  const scale: RefTensor = { dtype: 'f8e4m3fn', shape: [rows, hidden / BLOCK], data: scales };
  return {
    results: [quant, scale],
    states: states([[0, 'output'], quant], [[2, 'output_scale'], scale]),
  };
}
