import { GraphError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { type Graph, GraphEditor, type NewNode, type ValueId, valueArg } from '../../src/index.ts';
import { Program, reads, returned, tensor } from '../build/program.ts';

/** `a = relu(x)`, `b = add(a, y)`, `c = mul(b, a)`; `y` is changed at the end. */
function program(): { graph: Graph; x: ValueId; y: ValueId; a: ValueId; b: ValueId; c: ValueId } {
  const p = new Program();
  const [x, y] = [p.input('x'), p.input('y')];
  const a = p.builder.result(p.node('aten.relu', [x], { name: 'a' }));
  const b = p.builder.result(p.node('aten.add.Tensor', [a, y], { name: 'b' }));
  const c = p.builder.result(
    p.node('aten.mul.Tensor', [b, a], { name: 'c', kwargs: { other: valueArg(a) } }),
  );
  p.effect('aten.zero_', y);
  return { graph: p.finish(c, a), x, y, a, b, c };
}

const fused = (
  args: readonly ValueId[],
  name = 'fused',
  ...outputs: readonly string[]
): NewNode => ({
  name,
  op: 'my.fused',
  args: args.map(valueArg),
  outputs: (outputs.length > 0 ? outputs : [name]).map((output) => ({
    name: output,
    type: tensor(),
  })),
});

const order = (graph: Graph): string[] => graph.nodes.map(({ name }) => name);

describe('an edit', () => {
  it('shares what it does not touch', () => {
    const { graph, b } = program();
    const editor = new GraphEditor(graph);
    const added = editor.addNode(fused([b]), 2);
    editor.replaceUses(b, added.values[0]!);
    expect(() => editor.finish()).toThrow(GraphError);
    const free = new GraphEditor(graph);
    free.addNode(fused([b]));
    const edited = free.finish();
    expect(edited.nodes.slice(0, 4)).toEqual(graph.nodes);
    edited.nodes.slice(0, 4).forEach((node, i) => {
      expect(node).toBe(graph.nodes[i]);
    });
    graph.values.forEach((value, i) => {
      expect(edited.values[i]).toBe(value);
    });
    expect(graph.nodes).toHaveLength(4);
  });

  it('points readers by position and keyword, outputs and input writes to the replacement', () => {
    const { graph, x, a, y } = program();
    const editor = new GraphEditor(graph);
    const added = editor.addNode(fused([x, y], 'fused', 'fused', 'state'), 0);
    editor.replaceUses(a, added.values[0]!);
    editor.replaceUses(graph.inputWrites[0]!.value, added.values[1]!);
    editor.removeNode(0);
    editor.removeNode(3);
    const edited = editor.finish();
    expect(order(edited)).toEqual(['fused', 'b', 'c']);
    expect(reads(edited, 1)).toEqual(['fused', 'y']);
    expect(edited.node(2).kwargs.other).toEqual(valueArg(added.values[0]!));
    expect(returned(edited)).toEqual(['c', 'fused']);
    expect(edited.inputWrites).toEqual([{ input: y, value: added.values[1] }]);
    expect(edited.users(a)).toEqual([]);
    expect(edited.hasNode(0)).toBe(false);
    expect(graph.hasNode(0)).toBe(true);
  });

  it('follows chains of replacements, in arguments of inserted nodes, too', () => {
    const { graph, x, a, b, c } = program();
    const editor = new GraphEditor(graph);
    const [first] = editor.addNode(fused([x], 'first'), 0).values;
    const [second] = editor.addNode(fused([a], 'second'), 1).values;
    editor.replaceUses(a, first!);
    editor.replaceUses(c, b);
    editor.replaceUses(b, second!);
    for (const id of [0, 1, 2]) editor.removeNode(id);
    const edited = editor.finish();
    expect(returned(edited)).toEqual(['second', 'first']);
    expect(reads(edited, edited.nodeByName('second')!)).toEqual(['first']);
  });

  it('moves the value that an in-place call says it changed', () => {
    const { graph, x, y } = program();
    const editor = new GraphEditor(graph);
    editor.replaceUses(y, x);
    const edited = editor.finish();
    const state = edited.values.find(({ source }) => source.kind === 'write');
    expect(state?.source).toMatchObject({ of: x });
    expect(reads(edited, 3)).toEqual(['x']);
  });

  it('refuses replacements in a circle and values that do not exist', () => {
    const { graph, a, b, c } = program();
    const editor = new GraphEditor(graph);
    editor.replaceUses(a, a);
    editor.replaceUses(a, b);
    editor.replaceUses(b, c);
    expect(() => editor.replaceUses(c, a)).toThrow(
      '"a" cannot replace "c", which already replaces it',
    );
    expect(() => editor.replaceUses(99, a)).toThrow('value 99 does not exist');
    expect(() => editor.replaceUses(a, 99)).toThrow('value 99 does not exist');
  });
});

describe('removal', () => {
  it('of a value that is still read is refused, with its reader', () => {
    const { graph, x, b, c, a } = program();
    const read = new GraphEditor(graph);
    read.removeNode(1);
    expect(() => read.finish()).toThrow('node "c" reads "b", which nothing defines before it');
    const output = new GraphEditor(graph);
    output.removeNode(2);
    expect(() => output.finish()).toThrow('the program output reads "c"');
    const state = new GraphEditor(graph);
    state.removeNode(3);
    expect(() => state.finish()).toThrow('the program output reads "y__n4"');
    const late = new GraphEditor(graph);
    late.replaceUses(a, late.addNode(fused([x])).values[0]!);
    expect(() => late.finish()).toThrow('node "b" reads "fused"');
    const unknown = new GraphEditor(graph);
    unknown.addNode(fused([b, c, 77]));
    expect(() => unknown.finish()).toThrow('node "fused" reads "77"');
    expect(() => unknown.removeNode(9)).toThrow('node 9 does not exist');
  });
});

describe('anchors', () => {
  it('keep the order of the calls, and outlive the removal of their node', () => {
    const { graph, x, a } = program();
    const editor = new GraphEditor(graph);
    const [one] = editor.addNode(fused([x], 'one'), 0).values;
    editor.addNode(fused([one!], 'two'), 0);
    editor.addNode(fused([x], 'last'));
    editor.addNode(fused([a], 'middle'), 2);
    editor.replaceUses(a, one!);
    editor.removeNode(0);
    expect(order(editor.finish())).toEqual(['one', 'two', 'b', 'middle', 'c', 'n4', 'last']);
    expect(() => editor.addNode(fused([x]), 12)).toThrow('node 12 does not exist');
  });
});

describe('names and ids', () => {
  it('are unique; a result is called like its node', () => {
    const { graph, x } = program();
    const editor = new GraphEditor(graph);
    editor.addNode(fused([x], 'a', 'a', 'b', 'b'));
    editor.addNode(fused([x], 'a'));
    editor.addNode({ ...fused([x], 'n4'), outputs: [] });
    const edited = editor.finish();
    expect(order(edited).slice(4)).toEqual(['a_1', 'a_2', 'n4_1']);
    expect(
      edited.nodes.slice(4, 6).map(({ outputs }) => outputs.map((id) => edited.value(id).name)),
    ).toEqual([['a_1', 'b_1', 'b_2'], ['a_2']]);
  });

  it('of removed nodes are not used again, in later edits either', () => {
    const { graph, c, b } = program();
    const first = new GraphEditor(graph);
    const added = first.addNode(fused([b]), 2);
    first.replaceUses(c, added.values[0]!);
    first.removeNode(2);
    const second = new GraphEditor(first.finish());
    second.removeNode(added.node);
    second.replaceUses(added.values[0]!, b);
    const third = new GraphEditor(second.finish());
    const last = third.addNode(fused([b]));
    expect(last.node).toBe(added.node + 1);
    expect(last.values[0]).toBe(added.values[0]! + 1);
    expect(third.finish().nodeByName('fused_1')?.id).toBe(last.node);
  });

  it('are found in constant time', () => {
    const { graph, x } = program();
    const editor = new GraphEditor(graph);
    for (let i = 0; i < 50_000; i += 1) editor.addNode(fused([x]));
    expect(editor.finish().nodeByName('fused_49999')).toBeDefined();
  }, 10_000);
});
