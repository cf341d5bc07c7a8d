import { GraphError } from '@arfuse/contract';
import { type Arg, DEFAULT_OPS, type Graph, type Node } from '@arfuse/graph';
import { cut, quote } from './quote.ts';

/** Parameters that state the size of the group of the same call. */
const SIZE_PARAMETERS = ['group_size', 'world_size', 'nranks'];

/** Parameters that name the group. */
const GROUP_PARAMETERS = ['group_name', 'group'];

function argument(node: Node, params: readonly string[], name: string): Arg | undefined {
  const position = params.indexOf(name);
  return node.kwargs[name] ?? (position < 0 ? undefined : node.args[position]);
}

function integer(arg: Arg | undefined): number | undefined {
  return arg?.kind === 'int' ? Number(arg.value) : undefined;
}

/** A group by its name, and by the ranks that it lists where a call gives these instead; `''` where a call names none. */
interface StatedGroup {
  readonly name: string;
  readonly size: number | undefined;
}

/** The group of a call, or undefined where it is a value of the graph or another object. */
function groupOf(node: Node, params: readonly string[]): StatedGroup | undefined {
  const parameter = GROUP_PARAMETERS.find((name) => params.includes(name));
  if (parameter === undefined) return { name: '', size: undefined };
  const given = argument(node, params, parameter);
  if (given?.kind === 'string') return { name: given.value, size: undefined };
  if (given?.kind !== 'list' && given?.kind !== 'tuple') return undefined;
  const ranks = given.items.map(integer);
  return ranks.length === 0 || ranks.includes(undefined)
    ? undefined
    : { name: ranks.join(','), size: ranks.length };
}

/**
 * Sizes of process groups that the graph itself states, by group name: collectives such as `all_gather_into_tensor`
 * and `reduce_scatter_tensor` and ops that an engine has fused take the size as an argument, some list their ranks,
 * all-reduce does neither. An op that names no group states the size of the group `''`.
 * @throws GraphError when two calls give one group different sizes
 */
export function statedGroupSizes(graph: Graph): Record<string, number> {
  const sizes: Record<string, number> = { ...graph.meta.groupSizes };
  for (const node of graph.nodes) {
    const params = DEFAULT_OPS.get(node.op)?.params;
    if (!params) continue;
    const stated = SIZE_PARAMETERS.filter((name) => params.includes(name)).map((name) =>
      integer(argument(node, params, name)),
    );
    if (stated.length === 0 && !params.includes('group')) continue;
    const group = groupOf(node, params);
    if (!group) continue;
    for (const size of [...stated, group.size]) {
      if (size !== undefined) add(sizes, group.name, size, node, graph);
    }
  }
  for (const subgraph of graph.subgraphs.values()) Object.assign(sizes, statedGroupSizes(subgraph));
  return sizes;
}

function add(
  sizes: Record<string, number>,
  group: string,
  size: number,
  node: Node,
  graph: Graph,
): void {
  const known = Object.hasOwn(sizes, group) ? sizes[group] : undefined;
  if (known !== undefined && known !== size) {
    const named = group === '' ? 'its group, which it does not name,' : `group ${quote(group)}`;
    throw new GraphError({
      message: `node ${quote(node.name)} gives ${named} the size ${size}; an earlier one gives it ${known}.`,
      hint:
        group === ''
          ? 'Ops without the name of a group can be told apart by nothing else: plan graphs of one group each.'
          : 'One group has one size: the file is damaged or joins graphs of different runs.',
      place: {
        ...(graph.meta.source === undefined ? {} : { file: graph.meta.source }),
        ...(node.provenance.line === undefined ? {} : { line: node.provenance.line }),
        ...(node.provenance.pointer === undefined ? {} : { pointer: node.provenance.pointer }),
      },
      details: { group: cut(group), sizes: [known, size] },
    });
  }
  sizes[group] = size;
}
