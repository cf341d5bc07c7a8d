import {
  type Arg,
  type Graph,
  GraphBuilder,
  NONE,
  type NodeSpec,
  sym,
  type ValueId,
  valueArg,
} from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { evaluateGraph, type RawMode, type RefTensor, SimulatedRanks } from '../../src/index.ts';
import { oneGroup, tensor } from '../support.ts';

const str = (value: string): Arg => ({ kind: 'string', value });
const float = (value: number): Arg => ({ kind: 'float', value });
const int = (value: number): Arg => ({ kind: 'int', value });
const list = (...items: Arg[]): Arg => ({ kind: 'list', items });
const one = { kind: 'one', type: null } as const;
const none = { kind: 'none' } as const;

/** Small graphs, written down as calls; `x` is the first input. */
class Program {
  readonly builder = new GraphBuilder({ format: 'arfuse', level: 'aten' });
  readonly values = new Map<string, ValueId>();

  input(name: string, shape: readonly number[], dtype: RefTensor['dtype'] = 'bf16'): Arg {
    const id = this.builder.input(name, { kind: 'tensor', dtype, shape });
    this.values.set(name, id);
    return valueArg(id);
  }

  call(op: string, args: readonly Arg[], rest: Partial<NodeSpec> = {}): Arg {
    const node = this.builder.node({
      name: this.builder.unique('n'),
      op,
      args,
      results: one,
      ...rest,
    });
    return rest.results?.kind === 'none' ? NONE : valueArg(this.builder.result(node));
  }

  run(
    inputs: Readonly<Record<string, readonly RefTensor[]>>,
    ranks: SimulatedRanks,
    output: Arg,
    mode: RawMode = 'dtype',
  ): number[][] {
    this.builder.output([output]);
    const graph: Graph = this.builder.finish();
    const [result] = graph.outputs;
    if (result?.kind !== 'value') throw new Error('the program returns no value');
    const given = new Map(
      Object.entries(inputs).map(([name, tensors]) => [this.values.get(name)!, tensors] as const),
    );
    return evaluateGraph(graph, { inputs: given, ranks, symbols: {}, mode })
      .tensors(result.id)
      .map(({ data }) => [...data]);
  }
}

const perRank = (...values: number[]): RefTensor[] =>
  values.map((value) => tensor('bf16', [1, 2], [value, 2 * value]));
const TWO = [
  [3, 6],
  [3, 6],
];

describe('all-reduces', () => {
  const sum = str('sum');
  const group = str('0');
  it.each<readonly [op: string, args: readonly Arg[], kwargs: Readonly<Record<string, Arg>>]>([
    ['_c10d_functional.all_reduce.default', [sum, group], {}],
    ['symm_mem.one_shot_all_reduce.default', [sum, group], {}],
    ['symm_mem.multimem_one_shot_all_reduce.default', [str('SUM'), group], {}],
    ['vllm.all_reduce.default', [group], {}],
    ['vllm.all_reduce', [], { group_name: group }],
    [
      'sglang.outplace_all_reduce.default',
      [],
      { group_name: group, outplace_all_reduce_method: str('ca') },
    ],
  ])('%s gives the sum over the group', (op, args, kwargs) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const y = program.call(op, [x, ...args], { kwargs });
    expect(
      program.run(
        { x: perRank(1, 2) },
        oneGroup(2),
        program.call('_c10d_functional.wait_tensor.default', [y]),
      ),
    ).toEqual(TWO);
  });

  it.each<readonly [op: string, before: readonly Arg[], after: readonly Arg[]]>([
    ['_c10d_functional.all_reduce_.default', [], [sum, group]],
    ['symm_mem.two_shot_all_reduce_.default', [], [sum, group]],
    ['symm_mem.multimem_all_reduce_.default', [], [sum, group]],
    ['sglang.inplace_all_reduce.default', [], [group]],
  ])('%s changes its argument', (op, before, after) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    program.call(op, [...before, x, ...after], op.startsWith('sglang') ? { results: none } : {});
    expect(
      program.run({ x: perRank(1, 2) }, oneGroup(2), program.call('aten.clone.default', [x])),
    ).toEqual(TWO);
  });

  it('change every tensor of a list', () => {
    const program = new Program();
    const [x, y] = [program.input('x', [1, 2]), program.input('y', [1, 2])];
    program.call('_c10d_functional.all_reduce_coalesced_.default', [list(x, y), sum, group], {
      results: none,
    });
    const difference = program.call('aten.sub.Tensor', [x, y]);
    expect(program.run({ x: perRank(1, 2), y: perRank(10, 20) }, oneGroup(2), difference)).toEqual([
      [-27, -54],
      [-27, -54],
    ]);
  });

  it.each<readonly [op: string, args: (x: Arg) => readonly Arg[], inPlace: boolean]>([
    ['auto_deploy.torch_dist_all_reduce.default', (x) => [x, str('AUTO')], false],
    ['auto_deploy.trtllm_dist_all_reduce.default', (x) => [x, str('AUTO')], false],
    ['vllm.maybe_all_reduce_tensor_model_parallel.default', (x) => [x], false],
    ['vllm.all_reduce_symmetric_with_copy.default', (x) => [x], false],
    ['torch.distributed.all_reduce', (x) => [x], true],
  ])('%s reduces over the unnamed group', (op, args, inPlace) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const y = program.call(op, args(x), inPlace ? { results: none } : {});
    const ranks = new SimulatedRanks([{ name: '', size: 2 }]);
    const read = program.call('aten.clone.default', [inPlace ? x : y]);
    expect(program.run({ x: perRank(1, 2) }, ranks, read)).toEqual(TWO);
  });

  it('give a list for a list', () => {
    const program = new Program();
    const [x, y] = [program.input('x', [1, 2]), program.input('y', [1, 2])];
    const node = program.builder.node({
      name: 'coalesced',
      op: '_c10d_functional.all_reduce_coalesced.default',
      args: [list(x, y), sum, group],
      results: { kind: 'many' },
    });
    const items = [0, 1].map((i) => valueArg(program.builder.item(node, i, `item_${i}`, null)));
    const difference = program.call('aten.sub.Tensor', items);
    expect(program.run({ x: perRank(1, 2), y: perRank(10, 20) }, oneGroup(2), difference)).toEqual([
      [-27, -54],
      [-27, -54],
    ]);
  });

  it('without a group name reduce over the unnamed group', () => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    program.call('_C.shm_allreduce', [int(0), x], { results: none });
    const ranks = new SimulatedRanks([{ name: '', size: 2 }]);
    expect(
      program.run({ x: perRank(1, 2) }, ranks, program.call('aten.clone.default', [x])),
    ).toEqual(TWO);
  });

  const trtllm = (code: Arg): readonly Arg[] => [
    ...Array.from({ length: 5 }, () => NONE),
    list(int(0), int(1)),
    int(3),
    code,
    float(1e-5),
  ];
  const enumOf = (value: string): Arg => ({ kind: 'enum', type: 'AllReduceFusionOp', value });

  it.each([
    ['trtllm.allreduce.default', trtllm(int(0))],
    ['trtllm.tunable_allreduce.default', trtllm(enumOf('NONE'))],
    [
      'trtllm.allreduce_pg.default',
      [...trtllm(int(0)).slice(0, 6), int(0), NONE, int(3), int(0), float(1e-5)],
    ],
  ])('%s reduces over the ranks that it lists', (op, args) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const y = program.call(op, [x, ...args]);
    const ranks = new SimulatedRanks([{ name: '0,1', size: 2 }]);
    expect(program.run({ x: perRank(1, 2) }, ranks, y)).toEqual(TWO);
  });

  it.each([
    ['trtllm.allreduce.default', trtllm(int(1))],
    ['trtllm.tunable_allreduce.default', trtllm(enumOf('RMS_NORM'))],
    [
      'trtllm.mnnvl_fusion_allreduce.default',
      [NONE, NONE, NONE, NONE, NONE, { kind: 'bool', value: true } as const],
    ],
  ])('%s that also norms is refused', (op, args) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const y = program.call(op, [x, ...args]);
    const ranks = new SimulatedRanks([{ name: '', size: 2 }]);
    expect(() => program.run({ x: perRank(1, 2) }, ranks, y)).toThrow('it does more than reduce');
  });

  it('overwrite the buffer that they are given', () => {
    const program = new Program();
    const [x, out] = [program.input('x', [1, 2]), program.input('out', [1, 2])];
    const args = [int(2), int(2), int(1), out, x, NONE, float(0), NONE, NONE, float(0)];
    program.call('sglang._all_reduce_residual_norm_op', args, { results: none });
    const ranks = new SimulatedRanks([{ name: '', size: 2 }]);
    const read = program.call('aten.clone.default', [out]);
    expect(program.run({ x: perRank(1, 2), out: perRank(0, 0) }, ranks, read)).toEqual(TWO);
  });

  it('sum over their own group of several', () => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const ranks = new SimulatedRanks([
      { name: 'tp:0', size: 2 },
      { name: 'ep:0', size: 2 },
    ]);
    const y = program.call('vllm.all_reduce', [x, str('ep:0')]);
    expect(program.run({ x: perRank(1, 2, 4, 8) }, ranks, y)).toEqual([
      [5, 10],
      [10, 20],
      [5, 10],
      [10, 20],
    ]);
  });

  it.each<readonly [what: string, args: readonly Arg[], message: RegExp]>([
    ['another reduce op', [str('max'), group], /not the sum/],
    ['an unknown group', [sum, str('pp')], /group "pp"/],
  ])('refuse %s', (_, args, message) => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const y = program.call('_c10d_functional.all_reduce.default', [x, ...args]);
    expect(() => program.run({ x: perRank(1, 2) }, oneGroup(2), y)).toThrow(message);
  });
});

describe('changed arguments', () => {
  it('reach every view of the storage', () => {
    const program = new Program();
    const x = program.input('x', [1, 2]);
    const { builder } = program;
    const viewed = builder.node({
      name: 'v',
      op: 'aten.view.default',
      args: [x, list(int(2))],
      results: { kind: 'one', type: { kind: 'tensor', dtype: 'bf16', shape: [2] } },
    });
    program.call('aten.mul_.Tensor', [x, float(3)]);
    const read = program.call('aten.add.Tensor', [valueArg(builder.result(viewed)), float(0)]);
    expect(program.run({ x: perRank(1) }, oneGroup(1), read)).toEqual([[3, 6]]);
  });

  it('of an in-place norm are the norm and the sum', () => {
    const program = new Program();
    const [x, residual, weight] = [
      program.input('x', [1, 2]),
      program.input('residual', [1, 2]),
      program.input('weight', [2]),
    ];
    program.call('_C.fused_add_rms_norm.default', [x, residual, weight, float(0)], {
      results: none,
    });
    const inputs = { x: perRank(3), residual: perRank(4), weight: [tensor('bf16', [2], [1, 1])] };
    expect(
      program.run(inputs, oneGroup(1), program.call('aten.alias.default', [residual])),
    ).toEqual([[7, 14]]);
    const again = new Program();
    const args = [
      again.input('x', [1, 2]),
      again.input('residual', [1, 2]),
      again.input('weight', [2]),
    ];
    again.call('_C.fused_add_rms_norm.default', [...args, float(0)], { results: none });
    // 7 and 14 over their root mean square, √122.5.
    expect(again.run(inputs, oneGroup(1), again.call('aten.alias.default', [args[0]!]))).toEqual([
      [0.6328125, 1.265625],
    ]);
  });

  it.each(['auto_functionalized', 'auto_functionalized_v2'] as const)(
    'of an op in %s are its items',
    (wrapper) => {
      const program = new Program();
      const { builder } = program;
      const buffer = builder.input('q', { kind: 'tensor', dtype: 'f8e4m3fn', shape: [1, 2] });
      program.values.set('q', buffer);
      const [x, scale] = [program.input('x', [1, 2]), program.input('scale', [1], 'f32')];
      const kwargs: Record<string, Arg> =
        wrapper === 'auto_functionalized'
          ? { result: valueArg(buffer), input: x, scale }
          : { input: x, scale, _result_base_index: int(0), _all_bases: list(valueArg(buffer)) };
      const node = builder.node({
        name: 'af',
        op: '_C.static_scaled_fp8_quant.default',
        args: [],
        kwargs,
        wrapper,
        results: { kind: 'many' },
      });
      const item = builder.item(node, 1, 'af_1', null);
      const inputs = {
        q: [tensor('f8e4m3fn', [1, 2], [0, 0])],
        x: perRank(300),
        scale: [tensor('f32', [1], [0.5])],
      };
      expect(program.run(inputs, oneGroup(1), valueArg(item))).toEqual([[448, 448]]);
    },
  );
});

describe('modes', () => {
  it('round to the dtype of every op, or not at all', () => {
    const build = (): readonly [Program, Arg] => {
      const program = new Program();
      const wide = program.call('prims.convert_element_type.default', [
        program.input('x', [1, 2]),
        { kind: 'dtype', value: 'f32' },
      ]);
      const third = program.call('aten.div.Tensor', [wide, float(3)]);
      return [
        program,
        program.call('prims.convert_element_type.default', [
          third,
          { kind: 'dtype', value: 'bf16' },
        ]),
      ];
    };
    const [rounded, y] = build();
    expect(rounded.run({ x: perRank(1) }, oneGroup(1), y)).toEqual([[0.333984375, 0.66796875]]);
    const [real, z] = build();
    expect(real.run({ x: perRank(1) }, oneGroup(1), z, 'real')).toEqual([[1 / 3, 2 / 3]]);
  });
});

it('binds symbolic sizes', () => {
  const builder = new GraphBuilder({ format: 'arfuse', level: 'aten' });
  const s0: Arg = { kind: 'dim', dim: sym('s0') };
  builder.symbol({ name: 's0', min: 1, max: null });
  const x = builder.input('x', { kind: 'tensor', dtype: 'bf16', shape: [6] });
  const node = builder.node({
    name: 'v',
    op: 'aten.view.default',
    args: [valueArg(x), list(s0, int(-1))],
    results: one,
  });
  builder.output([valueArg(builder.result(node))]);
  const graph = builder.finish();
  const inputs = new Map([[x, [tensor('bf16', [6], [1, 2, 3, 4, 5, 6])]]]);
  const [found] = evaluateGraph(graph, {
    inputs,
    ranks: oneGroup(1),
    symbols: { s0: 3 },
    mode: 'dtype',
  }).tensors(builder.result(node));
  expect(found!.shape).toEqual([3, 2]);
});

it.each<readonly [op: string, args: readonly Arg[]]>([
  ['aten.softmax.int', [int(-1)]],
  ['aten.div.Tensor_mode', [float(2)]],
  ['aten.mean.dim', [list(int(0)), { kind: 'bool', value: true }]],
  ['aten.view.dtype', [{ kind: 'dtype', value: 'f16' }]],
  ['aten.to.dtype', [{ kind: 'dtype', value: 'f8e4m3fnuz' }]],
])('refuses %s in this form and names op and node', (op, args) => {
  const program = new Program();
  const x = program.input('x', [2, 2]);
  const kwargs: Record<string, Arg> = op.endsWith('_mode') ? { rounding_mode: str('floor') } : {};
  const y = program.call(op, [x, ...args], { kwargs, name: 'culprit', provenance: { line: 12 } });
  const inputs = { x: [tensor('bf16', [2, 2], [1, 2, 3, 4])] };
  expect(() => program.run(inputs, oneGroup(1), y)).toThrow(/"culprit"/);
  expect(() => program.run(inputs, oneGroup(1), y)).toThrow(op);
});
