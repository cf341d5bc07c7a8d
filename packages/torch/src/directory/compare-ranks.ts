import { type Graph, type Node, opBase } from '@arfuse/graph';
import { cut, quote } from '../quote.ts';

const said = ({ op, name }: Node): string => `${cut(op)} (${quote(name)})`;

/**
 * The first difference in structure between the same program on two ranks, in words; undefined when both run the same
 * ops in the same order. Names, sizes and literals may differ (a rank's share of the vocabulary does), and so may
 * overloads: vLLM spells one op `.default` or `.maybe_inplace`, depending on what its cache held.
 */
export function structuralDifference(graph: Graph, reference: Graph): string | undefined {
  const count = Math.min(graph.nodes.length, reference.nodes.length);
  for (let i = 0; i < count; i += 1) {
    const [a, b] = [graph.nodes[i]!, reference.nodes[i]!];
    if (opBase(a.op) !== opBase(b.op)) return `node ${i} is ${said(a)} here and ${said(b)} there`;
  }
  if (graph.nodes.length !== reference.nodes.length) {
    return `it has ${graph.nodes.length} nodes here and ${reference.nodes.length} there`;
  }
  return undefined;
}
