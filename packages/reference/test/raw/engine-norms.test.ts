import { type Arg, GraphBuilder, type NodeSpec, type ValueId, valueArg } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { evaluateGraph, Random, type RefTensor, vector } from '../../src/index.ts';
import { oneGroup } from '../support.ts';

const HIDDEN = 48;
const ROWS = 4;
const float = (value: number): Arg => ({ kind: 'float', value });
const int = (value: number): Arg => ({ kind: 'int', value });
const dtype = (value: 'f32' | 'bf16' | 'f16'): Arg => ({ kind: 'dtype', value });
const EPS = float(1e-5);

/** Inputs `x`, `r` `[rows, hidden]` and `w` `[hidden]` in one dtype, and a program over them. */
class Program {
  readonly builder = new GraphBuilder({ format: 'arfuse', level: 'aten' });
  readonly given = new Map<ValueId, RefTensor[]>();
  readonly io: 'bf16' | 'f16';
  readonly x: Arg;
  readonly r: Arg;
  readonly w: Arg;

  constructor(io: 'bf16' | 'f16') {
    this.io = io;
    const random = new Random(7);
    const input = (name: string, rows: number): Arg => {
      const { data } = vector(io, rows * HIDDEN, random, 0.5);
      const shape = rows === 1 ? [HIDDEN] : [rows, HIDDEN];
      const id = this.builder.input(name, { kind: 'tensor', dtype: io, shape });
      this.given.set(id, [{ dtype: io, shape, data }]);
      return valueArg(id);
    };
    [this.x, this.r, this.w] = [input('x', ROWS), input('r', ROWS), input('w', 1)];
  }

  node(op: string, args: readonly Arg[], rest: Partial<NodeSpec> = {}): number {
    const name = this.builder.unique('n');
    return this.builder.node({ name, op, args, results: { kind: 'one', type: null }, ...rest });
  }

  call(op: string, ...args: readonly Arg[]): Arg {
    return valueArg(this.builder.result(this.node(op, args)));
  }

  /** Items of a call that gives several results. */
  items(op: string, args: readonly Arg[], ...indices: readonly number[]): Arg[] {
    const node = this.node(op, args, { results: { kind: 'many' } });
    return indices.map((index) =>
      valueArg(this.builder.item(node, index, this.builder.unique('i'), null)),
    );
  }

  /** What in-place calls leave in their arguments. */
  written(op: string, args: readonly Arg[], ...read: readonly Arg[]): Arg[] {
    this.node(op, args, { results: { kind: 'none' } });
    return read.map((arg) => this.call('aten.clone.default', arg));
  }

  values(...outputs: readonly Arg[]): number[][] {
    this.builder.output(outputs);
    const graph = this.builder.finish();
    const found = evaluateGraph(graph, {
      inputs: this.given,
      ranks: oneGroup(1),
      symbols: {},
      mode: 'dtype',
    });
    return graph.outputs.map((arg) => {
      if (arg.kind !== 'value') throw new Error('an output is no value');
      return [...found.tensors(arg.id)[0]!.data];
    });
  }

  /** The norm of a value, written out in PyTorch's ops. */
  norm(from: Arg, how: { readonly divides: boolean; readonly weight: 'before' | 'after' }): Arg {
    const wide = this.call('prims.convert_element_type.default', from, dtype('f32'));
    const squares = this.call('aten.pow.Tensor_Scalar', wide, int(2));
    const axes: Arg = { kind: 'list', items: [int(-1)] };
    const mean = this.call('aten.mean.dim', squares, axes, { kind: 'bool', value: true });
    const root = this.call('aten.sqrt.default', this.call('aten.add.Tensor', mean, EPS));
    const normed = how.divides
      ? this.call('aten.div.Tensor', wide, root)
      : this.call('aten.mul.Tensor', wide, this.call('aten.reciprocal.default', root));
    if (how.weight === 'after') {
      const narrow = this.call('prims.convert_element_type.default', normed, dtype(this.io));
      return this.call('aten.mul.Tensor', narrow, this.w);
    }
    const gain = this.call('prims.convert_element_type.default', this.w, dtype('f32'));
    const product = this.call('aten.mul.Tensor', normed, gain);
    return this.call('prims.convert_element_type.default', product, dtype(this.io));
  }
}

const TRITON = { divides: true, weight: 'before' } as const;
const FLASHINFER = { divides: false, weight: 'before' } as const;
const ASCEND = { divides: false, weight: 'after' } as const;

describe.each(['bf16', 'f16'] as const)('%s', (io) => {
  it.each([
    ['auto_deploy.triton_rms_norm.default', TRITON],
    ['auto_deploy.flashinfer_rms_norm.default', FLASHINFER],
    ['trtllm.flashinfer_rmsnorm.default', FLASHINFER],
    ['auto_deploy.torch_rmsnorm.default', ASCEND],
  ])('%s is its norm written out', (op, how) => {
    const program = new Program(io);
    const { x, w } = program;
    const [found, expected] = program.values(program.call(op, x, w, EPS), program.norm(x, how));
    expect(found).toEqual(expected);
  });

  it.each([
    ['auto_deploy.triton_fused_add_rms_norm.default', [], [0, 1], TRITON],
    ['_C_ascend.npu_add_rms_norm_bias.default', [{ kind: 'none' }], [0, 2], ASCEND],
  ] satisfies [string, Arg[], number[], object][])(
    '%s is the addition and the norm of the rounded sum',
    (op, more, indices, how) => {
      const program = new Program(io);
      const { x, r, w } = program;
      const sum = program.call('aten.add.Tensor', x, r);
      const [y, s, normed, added] = program.values(
        ...program.items(op, [x, r, w, ...more, EPS], ...indices),
        program.norm(sum, how as typeof TRITON | typeof ASCEND),
        sum,
      );
      expect(y).toEqual(normed);
      expect(s).toEqual(added);
    },
  );

  it.each([
    'auto_deploy.flashinfer_fused_add_rms_norm_inplace.default',
    'trtllm.flashinfer_fused_add_rmsnorm.default',
  ])('%s is what FlashInfer does', (op) => {
    const results = [op, 'flashinfer.fused_add_rmsnorm'].map((name) => {
      const program = new Program(io);
      const { x, r, w } = program;
      return program.values(...program.written(name, [x, r, w, EPS], x, r));
    });
    expect(results[0]).toEqual(results[1]);
    expect(results[0]![0]).not.toEqual(results[0]![1]);
  });
});

it('takes the eps of the schema where a call of vLLM Ascend leaves it out', () => {
  const run = (...eps: Arg[]): number[][] => {
    const program = new Program('bf16');
    const { x, r, w } = program;
    const args = [x, r, w, ...(eps.length > 0 ? [{ kind: 'none' } as const] : []), ...eps];
    return program.values(...program.items('_C_ascend.npu_add_rms_norm_bias.default', args, 0));
  };
  expect(run()).toEqual(run(float(1e-6)));
  expect(run()).not.toEqual(run(float(1)));
});

it('refuses the bias of vLLM Ascend', () => {
  const program = new Program('bf16');
  const { x, r, w } = program;
  const [y] = program.items('_C_ascend.npu_add_rms_norm_bias.default', [x, r, w, w, EPS], 0);
  expect(() => program.values(y!)).toThrow('it adds a bias to the normed value');
});
