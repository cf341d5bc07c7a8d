import { describe, expect, it } from 'vitest';
import { DEFAULT_OPS, type Graph, type ValueId } from '../../src/index.ts';
import { Program, reads, returned } from './program.ts';

const one = { kind: 'float', value: 1 } as const;

/** `name: n1[0] of x` of every state that a graph holds. */
const states = (graph: Graph): string[] =>
  graph.values.flatMap(({ name, node, source }) =>
    source.kind === 'write'
      ? [
          `${name}: ${source.via} ${graph.node(node!).name}[${source.arg}] of ${graph.value(source.of).name}`,
        ]
      : [],
  );

describe('a call that changes an argument', () => {
  it.each(['aten.masked_fill_.Scalar', 'operator.iadd', 'method.add_', 'torch.relu_'])(
    '%s: later readers see the state',
    (op) => {
      const p = new Program();
      const x = p.input('x');
      const result = p.call(op, x, one);
      const after = p.node('aten.neg', [x]);
      const ofResult = p.node('aten.neg', [result]);
      const graph = p.finish(x, result);
      expect(states(graph)).toEqual(['x__n1: direct n1[0] of x']);
      expect(reads(graph, after)).toEqual(['x__n1']);
      expect(reads(graph, ofResult)).toEqual(['x__n1']);
      expect(returned(graph)).toEqual(['x__n1', 'x__n1']);
      expect(graph.inputWrites).toEqual([
        { input: x, value: graph.values.find(({ name }) => name === 'x__n1')!.id },
      ]);
    },
  );

  it('keeps every earlier reader at the state that it read', () => {
    const p = new Program();
    const x = p.input('x');
    const before = p.node('aten.neg', [x]);
    p.call('aten.add_', x, one);
    const between = p.node('aten.neg', [x]);
    p.call('aten.mul_', x, one);
    const graph = p.finish(x);
    expect(reads(graph, before)).toEqual(['x']);
    expect(reads(graph, between)).toEqual(['x__n2']);
    expect(returned(graph)).toEqual(['x__n4']);
  });

  it('changes through the result of an in-place call, too', () => {
    const p = new Program();
    const x = p.input('x');
    const result = p.call('aten.add_', x, one);
    p.call('aten.mul_', result, one);
    const graph = p.finish(x, result);
    expect(returned(graph)).toEqual(['x__n2', 'x__n2']);
  });

  it('copy_ into an input is seen by the caller', () => {
    const p = new Program();
    const [x, y] = [p.input('x'), p.input('y')];
    p.call('aten.copy_', x, y);
    const graph = p.finish();
    expect(
      graph.inputWrites.map(({ input, value }) => [
        graph.value(input).name,
        graph.value(value).name,
      ]),
    ).toEqual([['x', 'x__n1']]);
    expect(graph.isOutput(graph.inputWrites[0]!.value)).toBe(true);
  });

  it('_C.fused_add_rms_norm changes two arguments and returns nothing', () => {
    const p = new Program();
    const [x, residual, weight] = [p.input('x'), p.input('residual'), p.input('weight')];
    p.effect('_C.fused_add_rms_norm', x, residual, weight, one);
    const graph = p.finish(x, residual, weight);
    expect(returned(graph)).toEqual(['x__n1', 'residual__n1', 'weight']);
    const [node] = graph.nodes;
    expect(graph.written(node!, 0)?.name).toBe('x__n1');
    expect(graph.written(node!, 1)?.name).toBe('residual__n1');
    expect(graph.written(node!, 2)).toBeUndefined();
    expect(graph.result(node!)).toBeUndefined();
  });

  it('finds a changed argument by keyword, and by its other spelling', () => {
    const p = new Program();
    const [x, y] = [p.input('x'), p.input('y')];
    p.node('_C.rms_norm', [], {
      kwargs: { result: { kind: 'value', id: y }, input: { kind: 'value', id: x } },
      results: { kind: 'none' },
    });
    p.node('_C.rms_norm', [], {
      kwargs: { out: { kind: 'value', id: y }, input: { kind: 'value', id: x } },
      results: { kind: 'none' },
    });
    const graph = p.finish(y);
    expect(states(graph)).toEqual([
      'y__n1: direct n1[result] of y',
      'y__n2: direct n2[out] of y__n1',
    ]);
  });

  it('all_reduce_ gives the reduced value as its result and as its argument', () => {
    const p = new Program();
    const x = p.input('x');
    const reduced = p.call(
      '_c10d_functional.all_reduce_',
      x,
      { kind: 'string', value: 'sum' },
      { kind: 'string', value: '0' },
    );
    const waited = p.call('_c10d_functional.wait_tensor', reduced);
    const graph = p.finish(waited, x, reduced);
    expect(reads(graph, graph.nodes[1]!)).toEqual(['x__n1']);
    expect(returned(graph)).toEqual(['n2', 'x__n1', 'x__n1']);
  });

  it('sglang.inplace_all_reduce changes its argument', () => {
    const p = new Program();
    const x = p.input('x');
    p.effect('sglang.inplace_all_reduce', x, { kind: 'string', value: 'tp:0' });
    expect(returned(p.finish(x))).toEqual(['x__n1']);
  });

  it('a result that is not the changed argument stays itself', () => {
    const p = new Program(
      DEFAULT_OPS.with([
        { name: 'my.quant', params: ['input', 'scale'], writes: ['scale'], returns: 1 },
      ]),
    );
    const [x, scale] = [p.input('x'), p.input('scale')];
    const quantised = p.call('my.quant', x, scale);
    expect(returned(p.finish(quantised, scale))).toEqual(['n1', 'scale__n1']);
  });

  it('a list of arguments is changed item by item', () => {
    const p = new Program();
    const [x, y] = [p.input('x'), p.input('y')];
    const items = {
      kind: 'list',
      items: [x, y].map((id) => ({ kind: 'value', id }) as const),
    } as const;
    p.effect('c10d.allreduce_', items);
    expect(returned(p.finish(x, y))).toEqual(['x__n1', 'y__n1']);
  });
});

describe('an unknown op', () => {
  it('that returns nothing changes every tensor that it is given', () => {
    const p = new Program();
    const [x, y] = [p.input('x'), p.input('y')];
    const n = p.builder.input('n', { kind: 'sym', scalar: 'int', expr: 8 });
    p.node('my.op', [x, n], {
      kwargs: { out: { kind: 'value', id: y } },
      results: { kind: 'none' },
    });
    expect(returned(p.finish(x, y, n))).toEqual(['x__n1', 'y__n1', 'n']);
  });

  it('that returns something changes nothing', () => {
    const p = new Program();
    const x = p.input('x');
    p.call('my.op', x);
    expect(returned(p.finish(x))).toEqual(['x']);
  });

  it('unless it is an assertion', () => {
    const p = new Program();
    const x = p.input('x');
    p.effect('aten._assert_tensor_metadata', x);
    expect(returned(p.finish(x))).toEqual(['x']);
  });
});

describe('views', () => {
  it('show a change through any of them in the base and in siblings, and only when they are read', () => {
    const p = new Program();
    const x = p.input('x');
    const left = p.call('aten.select.int', x);
    const right = p.call('aten.slice.Tensor', x);
    const unread = p.call('aten.t', x);
    p.effect('operator.setitem', left, one, one);
    const ofRight = p.node('aten.neg', [right]);
    const graph = p.finish(x, left, right);
    expect(reads(graph, ofRight)).toEqual(['n2__n4']);
    expect(returned(graph)).toEqual(['x__n4', 'n1__n4', 'n2__n4']);
    expect(states(graph)).toEqual([
      'n1__n4: direct n4[0] of n1',
      'n2__n4: alias n4[0] of n2',
      'x__n4: alias n4[0] of x',
    ]);
    expect(
      graph.values.filter(({ source }) => source.kind === 'write' && source.of === unread),
    ).toEqual([]);
    expect(graph.node(3).outputs).toHaveLength(3);
  });

  it('of a view, and through the base', () => {
    const p = new Program();
    const x = p.input('x');
    const inner = p.call('aten.view', p.call('aten.transpose.int', x));
    p.call('aten.zero_', x);
    const made = p.call('aten.view', x);
    const graph = p.finish(inner, made);
    expect(returned(graph)).toEqual(['n2__n3', 'n4']);
    expect(reads(graph, 3)).toEqual(['x__n3']);
  });

  it('follow several changes', () => {
    const p = new Program();
    const x = p.input('x');
    const view = p.call('aten.view', x);
    p.call('aten.add_', view, one);
    const first = p.node('aten.neg', [x]);
    p.call('aten.add_', x, one);
    const second = p.node('aten.neg', [view]);
    const graph = p.finish(x, view);
    expect(reads(graph, first)).toEqual(['x__n2']);
    expect(reads(graph, second)).toEqual(['n1__n4']);
    expect(states(graph)).toEqual([
      'n1__n2: direct n2[0] of n1',
      'x__n2: alias n2[0] of x',
      'x__n4: direct n4[0] of x__n2',
      'n1__n4: alias n4[0] of n1__n2',
    ]);
  });

  it('are the items of a split', () => {
    const p = new Program();
    const qkv = p.input('qkv');
    const split = p.node('aten.split_with_sizes', [qkv], { results: { kind: 'many' } });
    const [q, k] = [0, 1].map((i): ValueId => p.builder.item(split, i, `item${i}`, null));
    p.effect('_C.rotary_embedding', one, q!, k!);
    expect(returned(p.finish(q!, k!, qkv))).toEqual(['item0__n2', 'item1__n2', 'qkv__n2']);
  });

  it('are not the copies', () => {
    const p = new Program();
    const x = p.input('x');
    const copy = p.call('aten.clone', x);
    p.call('aten.zero_', copy);
    expect(returned(p.finish(x))).toEqual(['x']);
  });
});

it('builds 200 000 in-place calls in linear time', () => {
  const p = new Program();
  const x = p.input('x');
  const view = p.call('aten.view', x);
  for (let i = 0; i < 100_000; i += 1) {
    // Storages that are changed once, and one that is changed over and over, through itself or another view.
    p.call('aten.add_', p.call('aten.neg', view), one);
    p.effect('aten.zero_', i % 10 === 0 ? view : x);
  }
  expect(p.finish(x).nodes).toHaveLength(300_001);
}, 20_000);
