import { eachValue } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node, NodeId } from '../ir/graph-parts.ts';

/**
 * The given nodes and every node on a path between two of them: what must be evaluated together with them. Cost follows
 * the stretch of program between the first and the last.
 */
export function convexClosure(graph: Graph, nodes: Iterable<NodeId>): Set<NodeId> {
  const chosen = new Set(nodes);
  const positions = [...chosen].map((id) => graph.position(id));
  const stretch = graph.nodes.slice(Math.min(...positions), Math.max(...positions) + 1);
  const after = new Set<NodeId>();
  for (const node of stretch) {
    if (chosen.has(node.id) || readsAny(graph, node, after)) after.add(node.id);
  }
  const before = new Set<NodeId>();
  for (const node of stretch.toReversed()) {
    if (chosen.has(node.id)) before.add(node.id);
    if (before.has(node.id)) {
      eachRead(node, (value) => {
        const { node: producer } = graph.value(value);
        if (producer !== null) before.add(producer);
      });
    }
  }
  return new Set(stretch.filter(({ id }) => after.has(id) && before.has(id)).map(({ id }) => id));
}

function eachRead(node: Node, visit: (value: number) => void): void {
  for (const arg of node.args) eachValue(arg, visit);
  for (const key in node.kwargs) eachValue(node.kwargs[key]!, visit);
}

function readsAny(graph: Graph, node: Node, nodes: ReadonlySet<NodeId>): boolean {
  let found = false;
  eachRead(node, (value) => {
    const { node: producer } = graph.value(value);
    found ||= producer !== null && nodes.has(producer);
  });
  return found;
}
