import type { DType } from '@arfuse/contract';
import { type RefTensor, sizeOf } from '../../tensor/ref-tensor.ts';
import { one, type RawCall, type RawResult } from '../call.ts';
import { broadcastIndex, broadcastShape, cast, resultType } from '../elementwise.ts';
import { states } from '../norms.ts';
import { isTensor, type RawValue } from '../raw-value.ts';
import { expand } from '../shapes.ts';
import { type Handler, type OpTable, required, withState } from './table.ts';

const filled =
  (value: number | null): Handler =>
  (call) => {
    const like = call.tensor(0, 'self', 'input');
    const dtype = call.dtype() ?? like.dtype;
    const fill = value ?? call.number(1, 'fill_value') ?? call.unsupported('it has no fill value');
    return one({
      dtype,
      shape: like.shape,
      data: new Float64Array(like.data.length).fill(call.arithmetic.store(dtype, fill)),
    });
  };

const created =
  (value: number): Handler =>
  (call) => {
    const shape = call.numbers(0, 'size') ?? call.unsupported('it has no sizes');
    const dtype = call.dtype() ?? 'f32';
    return one({ dtype, shape, data: new Float64Array(sizeOf(shape)).fill(value) });
  };

const newFilled = (call: RawCall, value: number): RawResult => {
  const shape = call.sizes(1, 'size') ?? call.unsupported('it has no sizes');
  return one({
    dtype: call.dtype() ?? call.tensor(0).dtype,
    shape,
    data: new Float64Array(sizeOf(shape)).fill(value),
  });
};

const refill = (call: RawCall, value: number): RawResult => {
  const { dtype, shape, data } = call.tensor(0, 'self');
  return one({
    dtype,
    shape,
    data: new Float64Array(data.length).fill(call.arithmetic.store(dtype, value)),
  });
};

const chooseBy = (
  call: RawCall,
  condition: RefTensor,
  yes: RawValue,
  no: RawValue,
  dtype: DType,
): RawResult => {
  const shape =
    broadcastShape([condition, yes, no].filter(isTensor).map((tensor) => tensor.shape)) ??
    call.unsupported('its shapes do not broadcast');
  const read = (operand: RawValue): ((i: number) => number) => {
    if (isTensor(operand)) {
      const at = broadcastIndex(operand.shape, shape);
      return (i) => operand.data[at(i)]!;
    }
    return typeof operand === 'number'
      ? () => operand
      : call.unsupported('an operand is neither a tensor nor a number');
  };
  const [test, left, right] = [read(condition), read(yes), read(no)];
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i += 1)
    data[i] = call.arithmetic.store(dtype, test(i) !== 0 ? left(i) : right(i));
  return one({ dtype, shape, data });
};

const masked: Handler = (call) => {
  const x = call.tensor(0, 'self');
  return chooseBy(call, call.tensor(1, 'mask'), call.arg(2, 'value') ?? null, x, x.dtype);
};

/** New tensors, fills, choices and copies. */
export function defineCreation(ops: OpTable): void {
  // The content of an empty tensor is undefined: NaN shows up if anything reads it.
  ops.everywhere('empty_like', filled(Number.NaN));
  ops.everywhere('zeros_like', filled(0));
  ops.everywhere('ones_like', filled(1));
  ops.everywhere('full_like', filled(null));
  ops.everywhere('empty', created(Number.NaN));
  ops.everywhere('zeros', created(0));
  ops.everywhere('ones', created(1));
  ops.everywhere('new_empty', (call) => newFilled(call, Number.NaN));
  ops.everywhere('new_zeros', (call) => newFilled(call, 0));
  ops.everywhere('new_ones', (call) => newFilled(call, 1));
  ops.everywhere(
    'fill_',
    withState((call) => refill(call, required(call, 1, 'value'))),
  );
  ops.everywhere(
    'zero_',
    withState((call) => refill(call, 0)),
  );
  ops.define('aten.full torch.full', (call) => {
    const shape = call.numbers(0, 'size') ?? [];
    const value = call.number(1, 'fill_value') ?? call.unsupported('it has no fill value');
    const dtype = call.dtype() ?? (call.isInteger(1, 'fill_value') ? 'i64' : 'f32');
    return one({
      dtype,
      shape,
      data: new Float64Array(sizeOf(shape)).fill(call.arithmetic.store(dtype, value)),
    });
  });
  ops.everywhere('where', (call) => {
    const [yes, no] = [call.arg(1, 'self', 'input') ?? null, call.arg(2, 'other') ?? null];
    return chooseBy(call, call.tensor(0, 'condition'), yes, no, resultType([yes, no]));
  });
  ops.everywhere('masked_fill', masked);
  ops.everywhere('masked_fill_', withState(masked));

  ops.everywhere('copy copy_', (call) => {
    const target = call.tensor(0, 'self');
    const source = cast(call, call.tensor(1, 'src'), target.dtype).results[0] as RefTensor;
    const copied = expand(call, source, target.shape).results[0]!;
    return { results: [copied], states: states([[0, 'self'], copied]) };
  });
}
