import { type RefTensor, sizeOf } from '../tensor/ref-tensor.ts';
import { one, type RawCall, type RawResult } from './call.ts';
import { isList, type RawValue } from './raw-value.ts';
import { unsqueeze } from './shapes.ts';

/** An axis counted from the front. @throws UnsupportedError when the tensor has no such axis */
function axisOf(call: RawCall, x: RefTensor, dim: number): number {
  const axis = dim < 0 ? dim + x.shape.length : dim;
  return x.shape[axis] === undefined
    ? call.unsupported(`a tensor of ${x.shape.length} dimensions has no dimension ${dim}`)
    : axis;
}

/** Elements `start, start + step, … < end` along one dimension; ends beyond the tensor are cut, as in Python. */
export function slice(
  call: RawCall,
  x: RefTensor,
  dim: number,
  start: number,
  end: number,
  step = 1,
): RefTensor {
  const axis = axisOf(call, x, dim);
  if (!(step > 0)) return call.unsupported(`it slices with step ${step}`);
  const size = x.shape[axis]!;
  const from = Math.min(size, Math.max(0, start < 0 ? start + size : start));
  const to = Math.min(size, Math.max(from, end < 0 ? end + size : end));
  if (from === 0 && to === size && step === 1) return x;
  const length = Math.ceil((to - from) / step);
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const data = new Float64Array(outer * length * inner);
  for (let o = 0; o < outer; o += 1) {
    for (let i = 0; i < length; i += 1) {
      const at = (o * size + from + i * step) * inner;
      data.set(x.data.subarray(at, at + inner), (o * length + i) * inner);
    }
  }
  return { dtype: x.dtype, shape: x.shape.with(axis, length), data };
}

/** The elements at one position of a dimension, which is dropped. */
export function select(call: RawCall, x: RefTensor, dim: number, position: number): RefTensor {
  const axis = axisOf(call, x, dim);
  const size = x.shape[axis]!;
  const at = position < 0 ? position + size : position;
  if (!(at >= 0 && at < size))
    return call.unsupported(`position ${position} is beyond dimension ${dim} of ${size}`);
  const taken = slice(call, x, axis, at, at + 1);
  return { ...taken, shape: taken.shape.toSpliced(axis, 1) };
}

const isKind = (item: RawValue, key: 'ellipsis' | 'range'): boolean =>
  typeof item === 'object' && item !== null && key in item;

/** Python indexing by slices, integers, None and `...`; other indices are refused. */
export function index(call: RawCall, x: RefTensor, given: RawValue): RawResult {
  const items = isList(given) ? given : [given];
  const taking = items.filter((item) => item !== null && !isKind(item, 'ellipsis')).length;
  let result = x;
  let dim = 0;
  for (const item of items) {
    if (item === null) {
      result = unsqueeze(result, dim).results[0] as RefTensor;
      dim += 1;
    } else if (isKind(item, 'ellipsis')) {
      dim += x.shape.length - taking;
    } else if (typeof item === 'number') {
      result = select(call, result, dim, item);
    } else if (typeof item === 'object' && 'range' in item) {
      const [start, stop, step] = item.range.map((end) =>
        end === null || typeof end === 'number'
          ? end
          : call.unsupported('a slice has an end that is no number'),
      );
      result = slice(call, result, dim, start ?? 0, stop ?? Number.MAX_SAFE_INTEGER, step ?? 1);
      dim += 1;
    } else {
      call.unsupported('it indexes by something else than slices, integers and None');
    }
  }
  return one(result);
}
