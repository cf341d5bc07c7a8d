import { GraphError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { valueArg } from '../../src/index.ts';
import { Program, reads, tensor } from './program.ts';

describe('definitions', () => {
  it('refuses a name that is taken, with the place', () => {
    const p = new Program();
    p.input('x');
    expect(() => p.builder.input('x', null, { file: 'a.py', line: 3 })).toThrow(GraphError);
    expect(() => p.builder.input('x', null, { file: 'a.py', line: 3 })).toThrow(
      'the name "x" is defined twice',
    );
    expect(() => p.node('aten.neg', [0], { name: 'x' })).toThrow('the name "x" is defined twice');
    const effect = { name: 'effect', results: { kind: 'none' } } as const;
    p.node('my.op', [0], effect);
    expect(p.builder.unique('effect')).toBe('effect_1');
    expect(() => p.node('my.op', [0], effect)).toThrow('the name "effect" is defined twice');
  });

  it('gives free names', () => {
    const p = new Program();
    p.input('x');
    expect(p.builder.unique('x')).toBe('x_1');
    expect(p.builder.unique('y')).toBe('y');
    expect(p.builder.has('x')).toBe(true);
  });

  it('refuses a value that does not exist', () => {
    const p = new Program();
    expect(() => p.node('aten.neg', [7])).toThrow('value 7 does not exist');
    expect(() => p.finish(7)).toThrow('value 7 does not exist');
    expect(() => p.builder.result(7)).toThrow('node 7 does not exist');
  });
});

describe('use lists', () => {
  it('name each reader once, by the state that it reads, as a graph without them finds them', () => {
    const p = new Program();
    const x = p.input('x');
    p.node('aten.mul.Tensor', [x, x]);
    p.node('aten.add_.Tensor', [x, 1]);
    p.node('aten.neg.default', [x]);
    const graph = p.finish(x);
    const again = graph.with({});
    for (const { id } of graph.values) expect(graph.users(id)).toEqual(again.users(id));
    expect(graph.users(x)).toEqual([0, 1]);
    const state = graph.written(graph.nodes[1]!, 0)!;
    expect(graph.users(state.id)).toEqual([2]);
  });
});

describe('items', () => {
  it('are defined once, and in the order in which they are taken', () => {
    const p = new Program();
    const x = p.input('x');
    const node = p.node('aten._fused_rms_norm', [x], { results: { kind: 'many' } });
    const second = p.builder.item(node, 1, 'b', tensor());
    const first = p.builder.item(node, 0, 'a', tensor());
    expect(p.builder.item(node, 1, 'again', null)).toBe(second);
    expect(p.builder.isTuple(node)).toBe(true);
    const graph = p.finish(first);
    expect(graph.node(node).outputs).toEqual([second, first]);
    expect(graph.result(graph.node(node), 1)?.name).toBe('b');
  });

  it('of a list are the declared ones', () => {
    const p = new Program();
    const node = p.node('my.two', [], {
      results: {
        kind: 'list',
        items: [
          { name: 'a', type: null },
          { name: 'b', type: null },
        ],
      },
    });
    expect(
      p.finish(p.builder.item(node, 1, 'ignored', null)).values.map(({ name }) => name),
    ).toEqual(['a', 'b']);
    expect(() => p.builder.item(node, 2, 'c', null)).toThrow(
      'item 2 of node "n1" does not exist: the call has 2 results',
    );
  });

  it('of a call that has none are refused', () => {
    const p = new Program();
    const x = p.input('x');
    expect(() => p.builder.item(p.node('aten.neg', [x]), 0, 'i', null)).toThrow(
      'the call has one result, which is no tuple',
    );
    expect(() => p.builder.item(p.effect('my.op', x), 0, 'i', null)).toThrow(
      'the call has no result',
    );
    const many = p.node('my.many', [x], { results: { kind: 'many' } });
    for (const index of [-1, 0.5, Number.NaN])
      expect(() => p.builder.item(many, index, 'i', null)).toThrow(GraphError);
  });

  it('can be read as a whole', () => {
    const p = new Program();
    const node = p.node('my.many', [], { results: { kind: 'many' } });
    const whole = p.builder.result(node);
    expect(p.builder.result(node)).toBe(whole);
    expect(p.builder.typeOf(whole)).toEqual({ kind: 'list' });
    const reader = p.node('operator.getitem', [whole, { kind: 'int', value: -1 }]);
    expect(reads(p.finish(), reader)).toEqual(['n1']);
  });
});

describe('symbols and types', () => {
  it('a range is only ever narrowed', () => {
    const { builder } = new Program();
    builder.symbol({ name: 's0', min: 2, max: null, hint: 16 });
    builder.symbol({ name: 's0', min: null, max: 64 });
    builder.symbol({ name: 's0', min: 1, max: 128n });
    expect(builder.finish().symbols.get('s0')).toEqual({ name: 's0', min: 2, max: 64, hint: 16 });
  });

  it('a type is given once', () => {
    const { builder } = new Program();
    const x = builder.input('x', null);
    builder.setType(x, tensor('s0, 8'));
    builder.setType(x, tensor('s0, 16'));
    expect(builder.typeOf(x)).toEqual(tensor('s0, 8'));
  });
});

it('keeps keyword arguments of any name', () => {
  const p = new Program();
  const x = p.input('x');
  p.call('aten.zero_', x);
  const kwargs = Object.fromEntries([
    ['__proto__', valueArg(x)],
    ['constructor', valueArg(x)],
  ]);
  const node = p.node('my.op', [], { kwargs });
  const graph = p.finish();
  expect(Object.keys(graph.node(node).kwargs)).toEqual(['__proto__', 'constructor']);
  expect(graph.users(graph.values.find(({ name }) => name === 'x__n1')!.id)).toEqual([node]);
});
