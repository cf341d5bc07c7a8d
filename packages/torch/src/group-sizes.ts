import { GraphError } from '@arfuse/contract';
import { type Arg, DEFAULT_OPS, type Graph, type Node } from '@arfuse/graph';
import { cut, quote } from './quote.ts';

/** Parameters that state the size of the group in the same call's `group_name`. */
const SIZE_PARAMETERS = ['group_size', 'world_size'];

function argument(node: Node, params: readonly string[], name: string): Arg | undefined {
  const position = params.indexOf(name);
  return node.kwargs[name] ?? (position < 0 ? undefined : node.args[position]);
}

/**
 * Sizes of process groups that the graph itself states, by group name: collectives such as `all_gather_into_tensor`
 * and `reduce_scatter_tensor` take the size as an argument, all-reduce does not.
 * @throws GraphError when two calls give one group different sizes
 */
export function statedGroupSizes(graph: Graph): Record<string, number> {
  const sizes: Record<string, number> = { ...graph.meta.groupSizes };
  for (const node of graph.nodes) {
    const params = DEFAULT_OPS.get(node.op)?.params;
    if (!params?.includes('group_name')) continue;
    const group = argument(node, params, 'group_name');
    if (group?.kind !== 'string') continue;
    for (const parameter of SIZE_PARAMETERS) {
      const size = argument(node, params, parameter);
      if (size?.kind !== 'int') continue;
      const value = Number(size.value);
      const known = Object.hasOwn(sizes, group.value) ? sizes[group.value] : undefined;
      if (known !== undefined && known !== value) {
        throw new GraphError({
          message: `node ${quote(node.name)} gives group ${quote(group.value)} the size ${value}; an earlier one gives it ${known}.`,
          hint: 'One group has one size: the file is damaged or joins graphs of different runs.',
          place: {
            ...(graph.meta.source === undefined ? {} : { file: graph.meta.source }),
            ...(node.provenance.line === undefined ? {} : { line: node.provenance.line }),
            ...(node.provenance.pointer === undefined ? {} : { pointer: node.provenance.pointer }),
          },
          details: { group: cut(group.value), sizes: [known, value] },
        });
      }
      sizes[group.value] = value;
    }
  }
  for (const subgraph of graph.subgraphs.values()) Object.assign(sizes, statedGroupSizes(subgraph));
  return sizes;
}
