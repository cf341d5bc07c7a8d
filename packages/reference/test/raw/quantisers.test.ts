import { type Arg, GraphBuilder, NONE, type ValueId, valueArg } from '@arfuse/graph';
import { expect, it } from 'vitest';
import { evaluateGraph, type RefTensor } from '../../src/index.ts';
import { oneGroup, tensor } from '../support.ts';

/** Calls an in-place op on the given tensors and reads what it left in its arguments. */
function call(
  op: string,
  kwargs: Readonly<Record<string, RefTensor | Arg>>,
  read: readonly string[],
): number[][] {
  const builder = new GraphBuilder({ format: 'arfuse', level: 'aten' });
  const inputs = new Map<ValueId, RefTensor[]>();
  const args: Record<string, Arg> = {};
  for (const [name, given] of Object.entries(kwargs)) {
    if ('kind' in given) args[name] = given;
    else {
      const id = builder.input(name, { kind: 'tensor', dtype: given.dtype, shape: given.shape });
      inputs.set(id, [given]);
      args[name] = valueArg(id);
    }
  }
  const node = builder.node({
    name: 'quantiser',
    op,
    args: [],
    kwargs: args,
    results: { kind: 'none' },
  });
  const graph = builder.finish();
  const evaluation = evaluateGraph(graph, {
    inputs,
    ranks: oneGroup(1),
    symbols: {},
    mode: 'dtype',
  });
  return read.map((name) => [
    ...evaluation.tensors(graph.written(graph.node(node), name)!.id)[0]!.data,
  ]);
}

const row = (...values: number[]): RefTensor =>
  tensor(
    'bf16',
    [1, 16],
    Array.from({ length: 16 }, (_, i) => values[i] ?? 0),
  );
const buffer = (dtype: RefTensor['dtype'], count: number): RefTensor =>
  tensor(
    dtype,
    [1, count],
    Array.from({ length: count }, () => 0),
  );
const int = (value: number): Arg => ({ kind: 'int', value });
const float = (value: number): Arg => ({ kind: 'float', value });
const bool = (value: boolean): Arg => ({ kind: 'bool', value });

it('scales a token by its largest element', () => {
  const op = '_C.dynamic_per_token_scaled_fp8_quant.default';
  const quantised = (x: RefTensor): number[][] =>
    call(
      op,
      { result: buffer('f8e4m3fn', 16), input: x, scale: buffer('f32', 1), scale_ub: NONE },
      ['result', 'scale'],
    );
  const [elements, scales] = quantised(row(896, -448, 2));
  expect(elements!.slice(0, 3)).toEqual([448, -224, 1]);
  expect(scales).toEqual([2]);
  const [lost, smallest] = quantised(row(Number.NaN));
  expect(lost![0]).toBe(-448);
  expect(smallest).toEqual([Math.fround(1 / 512 / 448)]);
});

it('saturates under a given scale, and loses a NaN', () => {
  const [elements] = call(
    '_C.static_scaled_fp8_quant.default',
    {
      result: buffer('f8e4m3fn', 16),
      input: row(1, -300, Number.POSITIVE_INFINITY, Number.NaN),
      scale: tensor('f32', [1], [0.5]),
    },
    ['result'],
  );
  expect(elements!.slice(0, 5)).toEqual([2, -448, 448, -448, 0]);
});

it('rounds no scale up from below 1e-10', () => {
  const scales = (powers: boolean, eps: number): number[] =>
    call(
      '_C.per_token_group_fp8_quant.default',
      {
        input: row(0),
        output_q: buffer('f8e4m3fn', 16),
        output_s: buffer('f32', 1),
        group_size: int(16),
        eps: float(eps),
        fp8_min: float(-448),
        fp8_max: float(448),
        scale_ue8m0: bool(powers),
      },
      ['output_s'],
    )[0]!;
  expect(scales(false, 1e-10)).toEqual([Math.fround(1e-10 / 448)]);
  expect(scales(true, 1e-10)).toEqual([2 ** -33]);
  expect(scales(true, 448)).toEqual([1]);
});

it('scales each group of a row, by a power of two where asked', () => {
  const op = '_C.per_token_group_fp8_quant.default';
  const quantised = (powers: boolean): number[][] =>
    call(
      op,
      {
        input: row(448, 0, 0, 0, 0, 0, 0, 0, 450),
        output_q: buffer('f8e4m3fn', 16),
        output_s: buffer('f32', 2),
        group_size: int(8),
        eps: float(1e-10),
        fp8_min: float(-448),
        fp8_max: float(448),
        scale_ue8m0: bool(powers),
      },
      ['output_q', 'output_s'],
    );
  expect(quantised(false)[1]).toEqual([1, Math.fround(450 / 448)]);
  const [elements, scales] = quantised(true);
  expect(scales).toEqual([1, 2]);
  expect([elements![0], elements![8]]).toEqual([448, 224]);
});

it('scales NVFP4 blocks of 16 under a global scale', () => {
  const op = '_C.scaled_fp4_quant.out';
  const x = row(6, -3, 1, 0.2, Number.NaN);
  const [elements, scales] = call(
    op,
    {
      input: x,
      input_scale: tensor('f32', [1], [448]),
      is_sf_swizzled_layout: bool(true),
      output: buffer('u8', 8),
      output_scale: buffer('i32', 1),
    },
    ['output', 'output_scale'],
  );
  expect(scales).toEqual([448]);
  expect(elements!.slice(0, 5)).toEqual([6, -3, 1, 0, 6]);
});

it('leaves a NaN scale and +6 of an NVFP4 block of NaN, and infinite scales of infinite groups', () => {
  const [elements, scales] = call(
    '_C.scaled_fp4_quant.out',
    {
      input: row(...Array.from({ length: 16 }, () => Number.NaN)),
      input_scale: tensor('f32', [1], [448]),
      is_sf_swizzled_layout: bool(false),
      output: buffer('u8', 8),
      output_scale: buffer('i32', 1),
    },
    ['output', 'output_scale'],
  );
  expect(scales).toEqual([Number.NaN]);
  expect(new Set(elements)).toEqual(new Set([6]));
  const [infinite, powers] = call(
    '_C.per_token_group_fp8_quant.default',
    {
      input: row(Number.NEGATIVE_INFINITY, 3),
      output_q: buffer('f8e4m3fn', 16),
      output_s: buffer('f32', 1),
      group_size: int(16),
      eps: float(1e-10),
      fp8_min: float(-448),
      fp8_max: float(448),
      scale_ue8m0: bool(true),
    },
    ['output_q', 'output_s'],
  );
  // Infinity divides finite elements away; the code of an infinite UE8M0 scale reads as NaN.
  expect(infinite!.slice(0, 3)).toEqual([-448, 0, 0]);
  expect(powers).toEqual([Number.NaN]);
});

it('refuses scales per group in a static quantiser', () => {
  const group: Arg = { kind: 'list', items: [int(1), int(128)] };
  const kwargs = {
    result: buffer('f8e4m3fn', 16),
    input: row(1),
    scale: tensor('f32', [1], [1]),
    group_shape: group,
  };
  expect(() => call('_C.static_scaled_fp8_quant.default', kwargs, ['result'])).toThrow(
    /groups of elements/,
  );
});
