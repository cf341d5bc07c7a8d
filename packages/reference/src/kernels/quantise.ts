import type { QuantAttributes } from '@arfuse/contract';
import { FLOAT_FORMATS, roundAll, roundTo } from '../numeric/round.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';

/** Elements and scales of a quantiser; scales in logical order, one per row and group. */
export interface Quantised {
  readonly quant: RefTensor;
  readonly scale: RefTensor | undefined;
}

/** What a NaN becomes: it stays, or fmax(NaN, -limit) makes it the smallest value. */
type Nan = 'propagate' | 'lost';

/** Multiplies or divides a run in float32. A lost NaN is clamped to `-limit`, as fmin(fmax(x, -limit), limit) does. */
function scaleRun(
  x: Float64Array,
  out: Float64Array,
  start: number,
  end: number,
  form: QuantAttributes['scaleForm'],
  scale: number,
  nan: Nan,
  limit: number,
): void {
  const factor = Math.fround(1 / scale);
  const divides = form === 'divide';
  for (let i = start; i < end; i += 1) {
    const value = Math.fround(divides ? x[i]! / scale : x[i]! * factor);
    out[i] = value !== value && nan === 'lost' ? -limit : value;
  }
}

/** Largest absolute value of a run, NaN left out; NaN when `nan` propagates and there is one. */
function absoluteMax(
  x: Float64Array,
  start: number,
  end: number,
  nan: Nan,
  initial: number,
): number {
  let max = initial;
  for (let i = start; i < end; i += 1) {
    const value = Math.abs(x[i]!);
    if (value !== value && nan === 'propagate') return Number.NaN;
    // Written so that any number replaces an initial NaN.
    if (!(value <= max) && value === value) max = value;
  }
  return max;
}

/**
 * Quantises rows in float32 arithmetic.
 * - `fp8_static`: the given dequantisation scale, multiplied by its reciprocal or divided by; NaN stays NaN;
 * - `fp8_token` and `fp8_group`: scale = max(absmax/448, floor), rounded up to a power of two for UE8M0;
 * - `nvfp4`: per 16 elements SF = e4m3(globalScale · absmax/6), elements e2m1(x · globalScale/SF), NaN as +6.
 */
export function quantise(
  x: Float64Array,
  rows: number,
  hidden: number,
  attributes: QuantAttributes,
  nan: Nan,
  given: number | undefined,
): Quantised {
  const { outputDtype, scheme, scaleForm } = attributes;
  const limit = FLOAT_FORMATS[outputDtype]?.maxFinite ?? 448;
  const data = new Float64Array(x.length);
  const quant: RefTensor = { dtype: outputDtype, shape: [rows, hidden], data };
  if (scheme === 'fp8_static') {
    scaleRun(x, data, 0, x.length, scaleForm, Math.fround(given ?? 1), nan, limit);
    roundAll(outputDtype, data);
    return { quant, scale: undefined };
  }
  const group = attributes.groupSize ?? hidden;
  const scales = new Float64Array(x.length / group);
  for (let s = 0; s < scales.length; s += 1) {
    const [start, end] = [s * group, (s + 1) * group];
    if (scheme === 'nvfp4') {
      // The maximum starts from the first element, not from zero: a block of NaN has a NaN scale.
      scales[s] = blockScale(absoluteMax(x, start, end, nan, Number.NaN), Math.fround(given ?? 1));
      const factor = scales[s] === 0 ? 0 : Math.fround(Math.fround(given ?? 1) / scales[s]!);
      for (let i = start; i < end; i += 1) data[i] = Math.fround(x[i]! * factor);
    } else {
      const scale = dynamicScale(absoluteMax(x, start, end, nan, 0), limit, attributes);
      scales[s] = attributes.scaleDtype === 'f8e8m0fnu' ? roundTo('f8e8m0fnu', scale) : scale;
      scaleRun(x, data, start, end, scaleForm, scale, nan, limit);
    }
  }
  roundAll(outputDtype, data);
  return {
    quant,
    scale: { dtype: attributes.scaleDtype ?? 'f32', shape: [rows, hidden / group], data: scales },
  };
}

function dynamicScale(
  max: number,
  limit: number,
  { scaleFloor, scaleDtype }: QuantAttributes,
): number {
  const floor = Math.fround(scaleFloor ?? 0);
  const quotient = Math.fround(max / limit);
  const scale = Math.max(quotient, floor);
  // The power of two above infinity is infinity: it divides, although its code reads as NaN.
  return scaleDtype === 'f8e8m0fnu' && scale !== Number.POSITIVE_INFINITY
    ? roundTo('f8e8m0fnu', scale)
    : scale;
}

function blockScale(max: number, global: number): number {
  return roundTo('f8e4m3fn', Math.fround(global * Math.fround(max * Math.fround(1 / 6))));
}
