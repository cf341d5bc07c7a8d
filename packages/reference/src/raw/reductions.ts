import { type RefTensor, sizeOf } from '../tensor/ref-tensor.ts';
import { one, type RawCall, type RawResult } from './call.ts';
import { cast } from './elementwise.ts';
import { isFloat } from './mode.ts';

export type Reduction = 'mean' | 'sum' | 'amax' | 'max' | 'amin' | 'min';

/**
 * Reduces over the last dimensions (or all). Sums are made in float64 and rounded once to float32: PyTorch's cascade
 * sum is within an ULP of that.
 */
export function reduceLast(
  call: RawCall,
  name: Reduction,
  input: RefTensor,
  dims: readonly number[] | undefined,
  keep: boolean,
): RawResult {
  const wanted = call.dtype();
  const x = wanted === undefined ? input : (cast(call, input, wanted).results[0] as RefTensor);
  const rank = x.shape.length;
  const axes = (
    dims === undefined || dims.length === 0
      ? x.shape.map((_, i) => i)
      : dims.map((dim) => (dim < 0 ? dim + rank : dim))
  ).toSorted((a, b) => a - b);
  if (axes.some((axis, i) => axis !== rank - axes.length + i))
    call.unsupported(`it reduces over dimensions ${axes.join(', ')} of ${rank}`);
  const length = sizeOf(x.shape.slice(rank - axes.length));
  const kept = x.shape.slice(0, rank - axes.length);
  const shape = keep ? [...kept, ...axes.map(() => 1)] : kept;
  const data = new Float64Array(sizeOf(kept));
  if (name === 'mean' && !isFloat(x.dtype))
    call.unsupported(`it takes the mean of ${x.dtype} without a dtype`);
  if (length === 0 && name !== 'sum') call.unsupported('it reduces over no elements');
  const dtype = isFloat(x.dtype) || name !== 'sum' ? x.dtype : 'i64';
  for (let row = 0; row < data.length; row += 1) {
    data[row] = call.arithmetic.store(
      dtype,
      call.arithmetic.compute(dtype, reduceRun(name, x.data, row * length, length)),
    );
  }
  return one({ dtype, shape, data });
}

function reduceRun(name: Reduction, data: Float64Array, start: number, length: number): number {
  let total = name === 'sum' || name === 'mean' ? 0 : data[start]!;
  for (let i = start; i < start + length; i += 1) {
    const value = data[i]!;
    if (name === 'sum' || name === 'mean') total += value;
    else if (value !== value || total !== total) total = Number.NaN;
    else
      total = name === 'amin' || name === 'min' ? Math.min(total, value) : Math.max(total, value);
  }
  return name === 'mean' ? total / length : total;
}
