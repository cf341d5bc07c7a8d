import { describe, expect, it } from 'vitest';
import {
  checkDefinitions,
  convexClosure,
  graphFromJson,
  graphToJson,
  sliceGraph,
  valueArg,
} from '../../src/index.ts';
import { Program, reads, returned, tensor } from '../build/program.ts';

const names = (ids: readonly number[], graph: { value(id: number): { name: string } }): string[] =>
  ids.map((id) => graph.value(id).name);

describe('sliceGraph', () => {
  it('makes a graph of its own: entering values become inputs, chosen ones outputs', () => {
    const p = new Program();
    const [x, y] = [p.input('x'), p.input('y')];
    p.builder.symbol({ name: 's0', min: 2, max: 64 });
    p.builder.symbol({ name: 'unused', min: 2, max: 64 });
    const a = p.call('aten.relu', x);
    const b = p.call('aten.add.Tensor', a, y);
    const c = p.call('aten.mul.Tensor', b, a);
    p.call('aten.neg', c);
    const graph = p.finish();
    const { graph: slice, values } = sliceGraph(graph, [2, 1], [c, y]);
    expect(names(slice.inputs, slice)).toEqual(['n1', 'y']);
    expect(slice.nodes.map(({ id, name }) => [id, name])).toEqual([
      [0, 'n2'],
      [1, 'n3'],
    ]);
    expect(reads(slice, 1)).toEqual(['n2', 'n1']);
    expect(returned(slice)).toEqual(['n3', 'y']);
    expect([...slice.symbols.keys()]).toEqual(['s0']);
    expect(values.get(b)).toBe(slice.nodes[0]!.outputs[0]);
    expect(slice.value(slice.inputs[0]!)).toMatchObject({
      node: null,
      source: { kind: 'input' },
      type: tensor(),
    });
    checkDefinitions(slice);
    expect(graphFromJson(graphToJson(slice)).parts()).toEqual(slice.parts());
  });

  it('keeps what a state is a state of', () => {
    const p = new Program();
    const [x, weight] = [p.input('x'), p.input('weight')];
    const residual = p.call('aten.relu', x);
    p.effect('_C.fused_add_rms_norm', x, residual, weight);
    const after = p.call('aten.neg', residual);
    const graph = p.finish(after, x);
    const { graph: slice } = sliceGraph(graph, [1], [graph.written(graph.node(1), 1)!.id]);
    expect(names(slice.inputs, slice)).toEqual(['x', 'n1', 'weight']);
    expect(returned(slice)).toEqual(['n1__n2']);
    const state = slice.written(slice.node(0), 1);
    expect(state?.source).toEqual({ kind: 'write', arg: 1, of: slice.inputs[1], via: 'direct' });
    checkDefinitions(slice);
  });

  it('takes a state of another view only when something asks for it, with the view itself', () => {
    const p = new Program();
    const x = p.input('x');
    const view = p.call('aten.view', x);
    p.effect('aten.zero_', view);
    const graph = p.finish(x);
    const [direct, alias] = graph.node(1).outputs;
    const without = sliceGraph(graph, [1], [direct!]).graph;
    expect(names(without.inputs, without)).toEqual(['n1']);
    expect(names(without.node(0).outputs, without)).toEqual(['n1__n2']);
    const withAlias = sliceGraph(graph, [1], [alias!]).graph;
    expect(names(withAlias.inputs, withAlias)).toEqual(['n1', 'x']);
    expect(withAlias.value(withAlias.node(0).outputs[1]!).source).toMatchObject({
      of: withAlias.inputs[1],
      via: 'alias',
    });
    checkDefinitions(withAlias);
  });

  it('takes along the sub-graphs that it calls', () => {
    const p = new Program();
    const x = p.input('x');
    for (const name of ['body', 'other']) p.builder.subgraph(name, new Program().finish());
    const called = p.call('higher_order.call', { kind: 'graph', name: 'body' }, x);
    expect([...sliceGraph(p.finish(called), [0], [called]).graph.subgraphs.keys()]).toEqual([
      'body',
    ]);
  });
});

it('convexClosure adds what stands on a path between the nodes, and nothing else', () => {
  const p = new Program();
  const x = p.input('x');
  const a = p.call('aten.relu', x);
  const between = p.call('aten.neg', a);
  p.call('aten.neg', x);
  p.call('aten.neg', a);
  const end = p.node('aten.add.Tensor', [], { kwargs: { other: valueArg(between) } });
  expect([...convexClosure(p.finish(), [0, end])]).toEqual([0, 1, end]);
});
