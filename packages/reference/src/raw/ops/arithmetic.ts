import type { DType } from '@arfuse/contract';
import { binary, cast, clamp, power, unary } from '../elementwise.ts';
import { states } from '../norms.ts';
import { isTensor } from '../raw-value.ts';
import { type Reduction, reduceLast } from '../reductions.ts';
import { first, type Handler, type OpTable, second, withState } from './table.ts';

const reduction =
  (name: Reduction): Handler =>
  (call) => {
    if (isTensor(call.arg(1, 'other'))) {
      return name === 'max' || name === 'min'
        ? binary(call, `${name}imum`, first(call), second(call))
        : call.unsupported('its second argument is a tensor');
    }
    const dims = call.numbers(1, 'dim');
    const keep = call.flag(2, 'keepdim');
    const reduced = reduceLast(call, name, call.tensor(0, 'self', 'input'), dims, keep);
    // `max(x, dim)` gives values and indices; only the values are known.
    return (name === 'max' || name === 'min') && dims
      ? { results: [reduced.results[0]!, null] }
      : reduced;
  };

const FLOAT_METHODS: Readonly<Record<string, DType>> = {
  float: 'f32',
  half: 'f16',
  bfloat16: 'bf16',
  double: 'f64',
};

const toDtype: Handler = (call) => {
  const x = call.tensor(0, 'self', 'input', 'a');
  const dtype = call.dtype() ?? (isTensor(call.args[1]) ? call.args[1].dtype : undefined);
  return cast(call, x, dtype ?? x.dtype);
};

/** Elementwise ops, reductions and casts. */
export function defineArithmetic(ops: OpTable): void {
  for (const [name, symbols] of [
    ['add', 'operator.add operator.iadd'],
    ['sub', 'operator.sub operator.isub'],
    ['mul', 'operator.mul operator.imul'],
    ['div', 'operator.truediv operator.itruediv'],
    ['pow', 'operator.pow'],
  ] as const) {
    const handler: Handler = (call) =>
      name === 'pow'
        ? power(call, first(call), second(call))
        : binary(call, name, first(call), second(call));
    ops.everywhere(name, handler);
    ops.define(`prims.${name} ${symbols}`, handler);
    const inPlace: Handler = (call) => {
      const { results } = handler(call);
      const self = first(call);
      const result = results[0]!;
      // An in-place op keeps the dtype of what it changes.
      const state =
        isTensor(result) && isTensor(self) ? cast(call, result, self.dtype).results[0]! : result;
      return { results: [state], states: states([[0, 'self', 'input'], state]) };
    };
    ops.everywhere(`${name}_`, inPlace);
    for (const symbol of symbols.split(' '))
      if (/^operator\.i/.test(symbol)) ops.define(symbol, inPlace);
  }
  for (const name of ['maximum', 'minimum']) {
    const handler: Handler = (call) => binary(call, name, first(call), second(call));
    ops.everywhere(name, handler);
    ops.define(`prims.${name}`, handler);
  }
  ops.everywhere('rsub', (call) => binary(call, 'sub', second(call), first(call)));
  ops.everywhere('multiply', (call) => binary(call, 'mul', first(call), second(call)));
  ops.everywhere('true_divide divide', (call) => binary(call, 'div', first(call), second(call)));
  ops.everywhere('square', (call) => binary(call, 'pow', first(call), 2));

  for (const name of ['neg', 'abs', 'sqrt', 'rsqrt', 'reciprocal', 'exp2', 'log2', 'ceil']) {
    const handler: Handler = (call) => unary(call, name, first(call));
    ops.everywhere(name, handler);
    ops.define(`prims.${name}`, handler);
  }
  ops.define('operator.neg', (call) => unary(call, 'neg', first(call)));

  for (const [names, handler] of [
    [
      'clamp clip',
      (call) =>
        clamp(call, call.tensor(0, 'self', 'input'), call.arg(1, 'min'), call.arg(2, 'max')),
    ],
    [
      'clamp_min',
      (call) => clamp(call, call.tensor(0, 'self', 'input'), call.arg(1, 'min'), undefined),
    ],
    [
      'clamp_max',
      (call) => clamp(call, call.tensor(0, 'self', 'input'), undefined, call.arg(1, 'max')),
    ],
  ] as const satisfies readonly (readonly [string, Handler])[]) {
    ops.everywhere(names, handler);
    ops.everywhere(names.replaceAll(/\S+/g, '$&_'), withState(handler));
  }

  for (const name of ['mean', 'sum', 'amax', 'max', 'amin', 'min'] as const)
    ops.everywhere(name, reduction(name));
  ops.define('prims.sum', reduction('sum'));
  ops.define('prims.amax', reduction('amax'));
  ops.define('prims.amin', reduction('amin'));
  for (const [name, dtype] of Object.entries(FLOAT_METHODS))
    ops.define(`method.${name} aten.${name}`, (call) => cast(call, call.tensor(0), dtype));
  ops.everywhere('to _to_copy type_as type', toDtype);
  ops.define('prims.convert_element_type', toDtype);
}
