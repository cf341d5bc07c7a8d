import type { DType } from '@arfuse/contract';
import { type RefTensor, sizeOf } from '../tensor/ref-tensor.ts';
import { one, type RawCall, type RawResult } from './call.ts';
import { canCast } from './cast.ts';
import { isFloat } from './mode.ts';
import { isTensor, type RawValue } from './raw-value.ts';

const WIDTH: Readonly<Partial<Record<DType, number>>> = {
  b8: 0,
  u8: 1,
  i8: 1,
  i16: 2,
  i32: 3,
  i64: 4,
};

/** PyTorch's promotion of two dtypes of the same standing. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (isFloat(a) !== isFloat(b)) return isFloat(a) ? a : b;
  if (!isFloat(a)) return (WIDTH[a] ?? 4) >= (WIDTH[b] ?? 4) ? a : b;
  if (a === 'f64' || b === 'f64') return 'f64';
  // bf16 with f16 is neither: both go to f32.
  return 'f32';
}

/** Result dtype of operands: tensors with dimensions, then 0-dim tensors, then Python scalars of a higher category. */
export function resultType(operands: readonly RawValue[]): DType {
  const category = (dtype: DType): number => (isFloat(dtype) ? 2 : dtype === 'b8' ? 0 : 1);
  const join = (tensors: readonly RefTensor[]): DType | undefined =>
    tensors.reduce<DType | undefined>(
      (found, tensor) => (found ? promote(found, tensor.dtype) : tensor.dtype),
      undefined,
    );
  const tensors = operands.filter(isTensor);
  let found = join(tensors.filter((tensor) => tensor.shape.length > 0));
  const scalars = join(tensors.filter((tensor) => tensor.shape.length === 0));
  if (scalars && (found === undefined || category(scalars) > category(found))) found = scalars;
  for (const operand of operands) {
    if (typeof operand !== 'number') continue;
    const own: DType = Number.isInteger(operand) ? 'i64' : 'f32';
    if (found === undefined || category(own) > category(found)) found = own;
  }
  return found ?? 'f32';
}

export function broadcastShape(shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    let size = 1;
    for (const shape of shapes) {
      const dim = shape[shape.length - rank + axis] ?? 1;
      if (dim === 1) continue;
      if (size !== 1 && size !== dim) return undefined;
      size = dim;
    }
    result.push(size);
  }
  return result;
}

/** For each element of `shape`, the index of the element of a tensor of shape `from` that it is broadcast from. */
export function broadcastIndex(
  from: readonly number[],
  shape: readonly number[],
): (index: number) => number {
  const size = sizeOf(from);
  const total = sizeOf(shape);
  if (size === total) return (index) => index;
  if (size === 1) return () => 0;
  const trimmed = [...from];
  while (trimmed[0] === 1) trimmed.shift();
  // The common case: a vector over the last dimension.
  if (trimmed.every((dim, i) => dim === shape[shape.length - trimmed.length + i]))
    return (index) => index % size;
  const leading = [...from];
  while (leading.at(-1) === 1) leading.pop();
  const rest = sizeOf(shape) / size;
  const padded = [...Array<number>(shape.length - from.length).fill(1), ...from];
  const split = padded.findIndex((dim, i) => dim === 1 && padded.slice(i).every((d) => d === 1));
  if (split >= 0 && padded.slice(0, split).every((dim, i) => dim === shape[i]))
    return (index) => Math.floor(index / rest);
  const strides = padded.map((dim, axis) => (dim === 1 ? 0 : sizeOf(padded.slice(axis + 1))));
  return (index) => {
    let left = index;
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      at += (left % shape[axis]!) * strides[axis]!;
      left = Math.floor(left / shape[axis]!);
    }
    return at;
  };
}

type Binary = (a: number, b: number) => number;

const BINARY: Readonly<Record<string, Binary>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => (b === 2 ? a * a : a ** b),
  maximum: (a, b) => (a !== a || b !== b ? Number.NaN : Math.max(a, b)),
  minimum: (a, b) => (a !== a || b !== b ? Number.NaN : Math.min(a, b)),
};

/** An elementwise op of two operands with broadcasting and type promotion. */
export function binary(call: RawCall, name: string, left: RawValue, right: RawValue): RawResult {
  const { arithmetic } = call;
  const apply = BINARY[name]!;
  if (typeof call.kwargs.rounding_mode === 'string')
    call.unsupported(`it divides with rounding mode ${call.kwargs.rounding_mode}`);
  if (typeof left === 'number') {
    if (typeof right === 'number') return one(apply(left, right));
    // Python turns a number on the left into the tensor's reflected method.
    if (name === 'add' || name === 'mul') return binary(call, name, right, left);
    if (name === 'div')
      return binary(call, 'mul', unary(call, 'reciprocal', right).results[0]!, left);
  }
  let dtype = resultType([left, right]);
  const writesFloat = call.node.args.some((arg) => arg.kind === 'float');
  if (!isFloat(dtype) && (name === 'div' || writesFloat)) dtype = 'f32';
  const shapes = [left, right].filter(isTensor).map((tensor) => tensor.shape);
  const shape = broadcastShape(shapes);
  if (!shape)
    call.unsupported(
      `shapes [${shapes.map((s) => s.join(', ')).join('] and [')}] do not broadcast`,
    );
  // A scalar is taken to the dtype first, except a multiplier or divisor, which stays in the type of computation.
  const scalarOf = (value: number, isRight: boolean): number =>
    arithmetic.compute(
      dtype,
      isRight && (name === 'mul' || name === 'div') ? value : arithmetic.store(dtype, value),
    );
  const read = (operand: RawValue): ((index: number) => number) => {
    if (isTensor(operand)) {
      const { data } = operand;
      if (operand.shape.length === 0 && shape.length > 0) {
        const constant = scalarOf(data[0]!, operand === right);
        return () => constant;
      }
      const index = broadcastIndex(operand.shape, shape);
      return (i) => data[index(i)]!;
    }
    if (typeof operand !== 'number')
      return call.unsupported('an operand is neither a tensor nor a number');
    const constant = scalarOf(operand, operand === right);
    return () => constant;
  };
  const alpha = call.number(2, 'alpha');
  const a = read(left);
  const b = read(right);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i += 1) {
    const second =
      alpha === undefined || name === 'pow' ? b(i) : arithmetic.compute(dtype, b(i) * alpha);
    data[i] = arithmetic.store(dtype, arithmetic.compute(dtype, apply(a(i), second)));
  }
  return one({ dtype, shape, data });
}

/**
 * `x ** exponent`. bfloat16 and float32 take the simple exponents apart and round after every step; float16 does not.
 */
export function power(call: RawCall, x: RawValue, exponent: RawValue): RawResult {
  if (!isTensor(x) || typeof exponent !== 'number' || x.dtype === 'f16' || !isFloat(x.dtype))
    return binary(call, 'pow', x, exponent);
  switch (exponent) {
    case 0.5:
      return unary(call, 'sqrt', x);
    case -0.5:
      return unary(call, 'rsqrt', x);
    case -1:
      return unary(call, 'reciprocal', x);
    case 3:
      return binary(call, 'mul', binary(call, 'mul', x, x).results[0]!, x);
    case -2:
      return unary(call, 'reciprocal', binary(call, 'mul', x, x).results[0]!);
    default:
      return binary(call, 'pow', x, exponent);
  }
}

/** Square root and inverse in the compute type, one rounding each, as the CPU does. */
const UNARY: Readonly<Record<string, (x: number, round: (x: number) => number) => number>> = {
  neg: (x) => -x,
  abs: (x) => Math.abs(x),
  sqrt: (x) => Math.sqrt(x),
  rsqrt: (x, round) => 1 / round(Math.sqrt(x)),
  reciprocal: (x) => 1 / x,
  exp2: (x) => 2 ** x,
  log2: (x) => Math.log2(x),
  ceil: (x) => Math.ceil(x),
};

export function unary(call: RawCall, name: string, x: RawValue): RawResult {
  const { arithmetic } = call;
  const apply = UNARY[name]!;
  if (typeof x === 'number') return one(apply(x, (y) => y));
  if (!isTensor(x)) return call.unsupported('its operand is no tensor');
  const dtype =
    isFloat(x.dtype) || name === 'neg' || name === 'abs' || name === 'ceil' ? x.dtype : 'f32';
  const round = (y: number): number => arithmetic.compute(dtype, y);
  return one({
    dtype,
    shape: x.shape,
    data: x.data.map((value) => arithmetic.store(dtype, round(apply(value, round)))),
  });
}

/** `clamp(x, min, max)`; NaN stays NaN. Bounds are numbers, or tensors that promote and broadcast. */
export function clamp(
  call: RawCall,
  x: RefTensor,
  low: RawValue | undefined,
  high: RawValue | undefined,
): RawResult {
  if (isTensor(low) || isTensor(high)) {
    let clamped: RawValue = x;
    if (low !== undefined && low !== null)
      clamped = binary(call, 'maximum', clamped, low).results[0]!;
    if (high !== undefined && high !== null)
      clamped = binary(call, 'minimum', clamped, high).results[0]!;
    return one(clamped);
  }
  return clampToNumbers(call, x, bound(call, low), bound(call, high));
}

function bound(call: RawCall, value: RawValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number'
    ? value
    : call.unsupported('a bound is neither a number nor a tensor');
}

function clampToNumbers(
  call: RawCall,
  x: RefTensor,
  min: number | undefined,
  max: number | undefined,
): RawResult {
  const low = min === undefined ? Number.NEGATIVE_INFINITY : call.arithmetic.compute(x.dtype, min);
  const high = max === undefined ? Number.POSITIVE_INFINITY : call.arithmetic.compute(x.dtype, max);
  const data = x.data.map((value) => (value < low ? low : Math.min(value, high)));
  return one({
    dtype: x.dtype,
    shape: x.shape,
    data: data.map((value) => call.arithmetic.store(x.dtype, value)),
  });
}

/** Casts to a dtype; in `real` mode only integers and booleans are cut. */
export function cast(call: RawCall, x: RefTensor, dtype: DType): RawResult {
  if (dtype === x.dtype) return one(x);
  if (!canCast(dtype)) call.unsupported(`it casts to ${dtype}`);
  return one({
    dtype,
    shape: x.shape,
    data: x.data.map((value) => call.arithmetic.store(dtype, value)),
  });
}
