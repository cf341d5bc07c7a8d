import type { Plan } from '@arfuse/contract';
import { type Graph, type Node, valueArg } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { rewrite, verifyRewrite } from '../../src/index.ts';
import { graphOf, planFor } from './graphs.ts';

function edited(graph: Graph, change: (node: Node) => Node): Graph {
  return graph.with({ nodes: graph.nodes.map(change) });
}

const ofSite = (node: Node, site: string): boolean =>
  node.kwargs.site?.kind === 'string' && node.kwargs.site.value === site;

const CASES: readonly [string, string, (graph: Graph, plan: Plan) => Graph][] = [
  [
    'the residual of the second site is wired to the first input',
    'two sites',
    (graph) => {
      const residual = graph.inputs.find((id) => graph.value(id).name === 'r')!;
      return edited(graph, (node) =>
        ofSite(node, 's1')
          ? { ...node, kwargs: { ...node.kwargs, residual: valueArg(residual) } }
          : node,
      );
    },
  ],
  [
    'the results of a site are swapped',
    'two sites',
    (graph) =>
      edited(graph, (node) =>
        ofSite(node, 's0') ? { ...node, outputs: node.outputs.toReversed() } : node,
      ),
  ],
  [
    'a reader is pointed to the neighbour',
    'two sites',
    (graph) => {
      const site = graph.nodes.find((node) => ofSite(node, 's0'))!;
      const relu = graph.nodes.find(({ name }) => name === 'm')!;
      const read = relu.args[0]!;
      const other = site.outputs.find((id) => read.kind !== 'value' || id !== read.id)!;
      return edited(graph, (node) => (node === relu ? { ...node, args: [valueArg(other)] } : node));
    },
  ],
  [
    'a program output is pointed to the neighbour',
    'AR+add+RMS',
    (graph) => graph.with({ outputs: graph.outputs.toReversed() }),
  ],
  [
    'the quantised elements and the norm are swapped',
    'FP8 static, norm escaping',
    (graph) =>
      edited(graph, (node) =>
        ofSite(node, 's0')
          ? { ...node, outputs: [node.outputs[1]!, node.outputs[0]!, node.outputs[2]!] }
          : node,
      ),
  ],
  [
    'the weights of a sandwich are swapped',
    'sandwich',
    (graph) =>
      edited(graph, (node) =>
        ofSite(node, 's0')
          ? {
              ...node,
              kwargs: {
                ...node.kwargs,
                weight: node.kwargs.pre_norm_weight!,
                pre_norm_weight: node.kwargs.weight!,
              },
            }
          : node,
      ),
  ],
  [
    'the second partial of a merge is the first',
    'merged',
    (graph) =>
      edited(graph, (node) =>
        ofSite(node, 's0') ? { ...node, args: [node.args[0]!, node.args[0]!] } : node,
      ),
  ],
  [
    'the partial of a site is another',
    'two sites',
    (graph) => {
      const x = graph.inputs.find((id) => graph.value(id).name === 'x')!;
      return edited(graph, (node) =>
        ofSite(node, 's1') ? { ...node, args: [valueArg(x)] } : node,
      );
    },
  ],
];

describe('verifyRewrite', () => {
  it.each(CASES)('fails where %s (%s)', (_, name, change) => {
    const graph = graphOf(name);
    const plan = planFor(graph);
    const rewritten = rewrite(graph, plan);
    for (const chain of verifyRewrite(graph, rewritten, plan)) expect(chain.failures).toEqual([]);
    const chains = verifyRewrite(graph, change(rewritten, plan), plan);
    const failures = chains.flatMap((chain) => chain.failures);
    expect(failures.length).toBeGreaterThan(0);
    expect(chains.some(({ passed }) => !passed)).toBe(true);
    for (const { reader, reads, was, difference } of failures) {
      expect(reader && reads && was).not.toBe('');
      expect(difference.ulps).toBeGreaterThan(0);
    }
  });
});
