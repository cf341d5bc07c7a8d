import { type Graph, type NodeId, opBase, type ValueId } from '@arfuse/graph';
import { valueOf } from '../flow/args.ts';

/** The nodes that allocate a buffer which an op overwrites, views of it included. */
export function allocation(graph: Graph, buffer: ValueId): NodeId[] {
  const nodes: NodeId[] = [];
  for (let node = graph.producer(buffer); node; ) {
    const base = opBase(node.op);
    if (
      !/(^|[._])(empty|zeros|new_empty|empty_like|zeros_like|permute|transpose|view|empty_strided)$/.test(
        base,
      )
    )
      break;
    nodes.push(node.id);
    const from = valueOf(node.args[0]);
    if (from === undefined || /empty|zeros/.test(base)) break;
    node = graph.producer(from);
  }
  return nodes;
}
