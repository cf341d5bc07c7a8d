import { describe, expect, it } from 'vitest';
import { type Arg, type Graph, type ValueId, valueArg } from '../../src/index.ts';
import { Program, returned } from './program.ts';

const int = (value: number): Arg => ({ kind: 'int', value });
const list = (...items: readonly ValueId[]): Arg => ({ kind: 'list', items: items.map(valueArg) });

/** What the items of the only call are: `result 0`, or `write <argument> of <value>`. */
function items(
  op: string,
  wrapper: 'auto_functionalized' | 'auto_functionalized_v2',
  count: number,
  kwargs: Record<string, Arg>,
  p: Program,
): string[] {
  const node = p.node(op, [], { kwargs, wrapper, results: { kind: 'many' } });
  const values = Array.from({ length: count }, (_, i) => p.builder.item(node, i, `item${i}`, null));
  const graph: Graph = p.finish(...values);
  expect(graph.inputWrites).toEqual([]);
  return values.map((id) => {
    const { source } = graph.value(id);
    return source.kind === 'write'
      ? `write ${source.arg} of ${graph.value(source.of).name}`
      : source.kind === 'result'
        ? `result ${source.index}`
        : 'input';
  });
}

describe('auto_functionalized', () => {
  it('returns None, then the state of every changed argument in schema order', () => {
    const p = new Program();
    const [x, residual] = [p.input('x'), p.input('residual')];
    const kwargs = { residual: valueArg(residual), input: valueArg(x), epsilon: int(1) };
    expect(items('_C.fused_add_rms_norm', 'auto_functionalized', 3, kwargs, p)).toEqual([
      'result 0',
      'write input of x',
      'write residual of residual',
    ]);
  });

  it('has an item for a changed argument that is not given', () => {
    const p = new Program();
    const [x, residual, quant] = [p.input('x'), p.input('residual'), p.input('quant')];
    const kwargs = {
      allreduce_in: valueArg(x),
      residual: valueArg(residual),
      norm_out: { kind: 'none' } as const,
      quant_out: valueArg(quant),
    };
    expect(
      items('vllm.flashinfer_trtllm_fused_allreduce_norm', 'auto_functionalized', 6, kwargs, p),
    ).toEqual([
      'result 0',
      'write allreduce_in of x',
      'write residual of residual',
      'result 3',
      'write quant_out of quant',
      'result 5',
    ]);
  });

  it('knows the other spelling of a parameter', () => {
    const p = new Program();
    const out = p.input('out');
    expect(items('_C.rms_norm', 'auto_functionalized', 2, { out: valueArg(out) }, p)).toEqual([
      'result 0',
      'write out of out',
    ]);
  });

  it('keeps a list of states as one result', () => {
    const p = new Program();
    const kwargs = { tensors: list(p.input('x'), p.input('y')) };
    expect(items('c10d.allreduce_', 'auto_functionalized', 2, kwargs, p)).toEqual([
      'result 0',
      'result 1',
    ]);
  });

  it('goes by the name of an unknown op, and leaves the items of others as results', () => {
    const p = new Program();
    const kwargs = { x: valueArg(p.input('x')) };
    expect(items('my.add_', 'auto_functionalized', 2, kwargs, p)).toEqual([
      'result 0',
      'write x of x',
    ]);
    const q = new Program();
    expect(items('my.op', 'auto_functionalized', 2, { x: valueArg(q.input('x')) }, q)).toEqual([
      'result 0',
      'result 1',
    ]);
  });
});

describe('auto_functionalized_v2', () => {
  it('returns the changed bases, also of an op that is not in the registry', () => {
    const p = new Program();
    const [x, y, z] = [p.input('x'), p.input('y'), p.input('z')];
    const kwargs = { _b_base_index: int(0), _a_base_index: int(1), _all_bases: list(x, y, z) };
    expect(items('my.op', 'auto_functionalized_v2', 5, kwargs, p)).toEqual([
      'result 0',
      'write b of x',
      'write a of y',
      'write _all_bases of z',
      'result 4',
    ]);
  });

  it('knows the items of a list parameter from a parameter whose name ends in a number', () => {
    const p = new Program();
    const kwargs = {
      _xs_length: int(1),
      _xs_0_base_index: int(0),
      _w_2_base_index: int(1),
      _all_bases: list(p.input('x'), p.input('y')),
    };
    expect(items('my.op', 'auto_functionalized_v2', 3, kwargs, p)).toEqual([
      'result 0',
      'write xs of x',
      'write w_2 of y',
    ]);
  });
});

it('leaves the arguments themselves as they were', () => {
  const p = new Program();
  const x = p.input('x');
  p.node('_C.fused_add_rms_norm', [], {
    kwargs: { input: valueArg(x), residual: valueArg(x) },
    wrapper: 'auto_functionalized',
    results: { kind: 'many' },
  });
  expect(returned(p.finish(x))).toEqual(['x']);
});
