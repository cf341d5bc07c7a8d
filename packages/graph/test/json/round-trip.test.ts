import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Graph,
  GraphEditor,
  graphFromJson,
  graphToJson,
  isGraphJson,
  printGraph,
} from '../../src/index.ts';
import { Program } from '../build/program.ts';
import { graphs } from './arbitrary.ts';

const again = (graph: Graph): Graph => graphFromJson(JSON.parse(printGraph(graph)));

it('reads back what it prints, to the byte', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const read = again(graph);
      expect(read.parts()).toEqual(graph.parts());
      expect(printGraph(read)).toBe(printGraph(graph));
    }),
    { numRuns: 400 },
  );
}, 120_000);

it('prints equal graphs alike, in whatever order their members were made', () => {
  const make = (
    kwargs: Record<string, { kind: 'int'; value: number }>,
    provenance: object,
  ): Graph => {
    const p = new Program();
    p.node('my.op', [p.input('x')], { kwargs, provenance });
    return p.finish();
  };
  const one = { kind: 'int', value: 1 } as const;
  expect(printGraph(make({ a: one, b: one }, { line: 1, path: 'p' }))).toBe(
    printGraph(make({ a: one, b: one }, { path: 'p', line: 1 })),
  );
  // The order of keyword arguments is part of the call.
  expect(printGraph(make({ a: one, b: one }, {}))).not.toBe(
    printGraph(make({ b: one, a: one }, {})),
  );
});

it('keeps what a rewrite removed', () => {
  const p = new Program();
  const x = p.input('x');
  const first = p.node('aten.neg', [x]);
  p.call('aten.relu', p.builder.result(first));
  const graph = p.finish(p.builder.result(1));
  const editor = new GraphEditor(graph);
  const added = editor.addNode(
    {
      name: 'fused',
      op: 'my.fused',
      args: [{ kind: 'value', id: x }],
      outputs: [{ name: 'fused', type: null }],
    },
    0,
  );
  editor.removeNode(0);
  editor.removeNode(1);
  editor.replaceUses(p.builder.result(1), added.values[0]!);
  const edited = editor.finish();
  const read = again(edited);
  expect(read.parts()).toEqual(edited.parts());
  expect(
    new GraphEditor(read).addNode({ name: 'more', op: 'my.op', args: [], outputs: [] }).node,
  ).toBe(added.node + 1);
});

it('is told from other documents by its format', () => {
  expect(isGraphJson(graphToJson(new Program().finish()))).toBe(true);
  for (const other of [null, 'arfuse.graph', [], { format: 'arfuse.plan' }])
    expect(isGraphJson(other)).toBe(false);
});
