import { type RefTensor, sizeOf } from '../tensor/ref-tensor.ts';
import { one, type RawCall, type RawResult } from './call.ts';

/** Fills in the one -1 of a size list. */
export function resolveSizes(call: RawCall, sizes: readonly number[], total: number): number[] {
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const shape = sizes.map((size) => (size === -1 ? total / known : size));
  if (sizeOf(shape) !== total || shape.some((size) => !Number.isInteger(size))) {
    call.unsupported(`${total} elements do not fit into [${sizes.join(', ')}]`);
  }
  return shape;
}

export function view(call: RawCall, x: RefTensor, sizes: readonly number[]): RawResult {
  return one({ ...x, shape: resolveSizes(call, sizes, x.data.length) });
}

export function flatten(x: RefTensor, start: number, end: number): RawResult {
  const rank = x.shape.length;
  const from = start < 0 ? start + rank : start;
  const to = end < 0 ? end + rank : end;
  return one({
    ...x,
    shape: [
      ...x.shape.slice(0, from),
      sizeOf(x.shape.slice(from, to + 1)),
      ...x.shape.slice(to + 1),
    ],
  });
}

export function unsqueeze(x: RefTensor, dim: number): RawResult {
  const at = dim < 0 ? dim + x.shape.length + 1 : dim;
  return one({ ...x, shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] });
}

export function squeeze(x: RefTensor, dims: readonly number[] | undefined): RawResult {
  const rank = x.shape.length;
  const drop = dims?.map((dim) => (dim < 0 ? dim + rank : dim));
  return one({
    ...x,
    shape: x.shape.filter(
      (size, axis) => size !== 1 || (drop !== undefined && !drop.includes(axis)),
    ),
  });
}

export function permute(x: RefTensor, order: readonly number[]): RawResult {
  const rank = x.shape.length;
  const axes = order.map((axis) => (axis < 0 ? axis + rank : axis));
  const shape = axes.map((axis) => x.shape[axis]!);
  const strides = axes.map((axis) => sizeOf(x.shape.slice(axis + 1)));
  const data = new Float64Array(x.data.length);
  for (let i = 0; i < data.length; i += 1) {
    let left = i;
    let at = 0;
    for (let axis = rank - 1; axis >= 0; axis -= 1) {
      at += (left % shape[axis]!) * strides[axis]!;
      left = Math.floor(left / shape[axis]!);
    }
    data[i] = x.data[at]!;
  }
  return one({ dtype: x.dtype, shape, data });
}

export function expand(call: RawCall, x: RefTensor, sizes: readonly number[]): RawResult {
  const offset = sizes.length - x.shape.length;
  const shape = sizes.map((size, axis) => (size === -1 ? (x.shape[axis - offset] ?? 1) : size));
  const data = new Float64Array(sizeOf(shape));
  const padded = [...Array<number>(offset).fill(1), ...x.shape];
  if (padded.some((size, axis) => size !== 1 && size !== shape[axis]))
    call.unsupported(`[${x.shape.join(', ')}] does not expand to [${sizes.join(', ')}]`);
  const strides = padded.map((size, axis) => (size === 1 ? 0 : sizeOf(padded.slice(axis + 1))));
  for (let i = 0; i < data.length; i += 1) {
    let left = i;
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      at += (left % shape[axis]!) * strides[axis]!;
      left = Math.floor(left / shape[axis]!);
    }
    data[i] = x.data[at]!;
  }
  return one({ dtype: x.dtype, shape, data });
}
