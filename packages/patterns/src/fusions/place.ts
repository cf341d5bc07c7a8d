import type { Arg, Graph, Node, NodeId, ValueId } from '@arfuse/graph';
import { isCollective } from '../spellings/all-reduce.ts';
import type { Lifted } from '../spellings/lifted.ts';
import type { Region } from './cover.ts';
import type { Walk } from './walk.ts';

export type Place =
  | { readonly anchor: NodeId }
  /** `late`: an input comes after a reader of a result, so the chain is rather that of another all-reduce. */
  | { readonly node: NodeId; readonly reason: string; readonly late?: boolean };

/**
 * The first covered node at which every input exists. There the site must come before every reader of its
 * results, and getting there its all-reduces may pass no collective of the group and no write to an input.
 */
export function placeOf(region: Region, walk: Walk, lifted: Lifted): Place {
  const { graph } = lifted;
  const { partials, ...named } = { partials: region.partials, ...region.inputs };
  const inputs: ValueId[] = [
    ...partials,
    ...Object.values(named).filter((value): value is ValueId => value !== undefined),
  ];
  let latest = -1;
  let latestInput = inputs[0]!;
  for (const value of inputs) {
    const { node } = graph.value(value);
    const position = node === null ? -1 : graph.position(node);
    if (node !== null && region.nodes.has(node))
      return {
        node,
        reason: `\`${graph.value(value).name}\` enters the chain and is computed inside it.`,
      };
    if (position > latest) [latest, latestInput] = [position, value];
  }
  const anchor = region.covered.find((id) => graph.position(id) > latest) ?? walk.last;
  const at = graph.position(anchor);
  const early = firstReader(region, graph);
  if (early && graph.position(early.node) < at) {
    return {
      node: early.node,
      late: true,
      reason: `\`${graph.node(early.node).name}\` reads \`${graph.value(early.value).name}\` before \`${graph.value(latestInput).name}\`, which the fused form needs, is computed.`,
    };
  }
  const first = Math.min(...walk.allReduces.map((op) => graph.position(op.node)));
  for (let position = first + 1; position < at; position += 1) {
    const node = graph.nodes[position]!;
    if (region.nodes.has(node.id)) continue;
    if (isCollective(node.op) && mayShareGroup(node, walk.allReduces[0]!.group)) {
      return {
        node: node.id,
        reason: `the all-reduce would move past \`${node.name}\`, another collective of group "${walk.allReduces[0]!.group}".`,
      };
    }
  }
  return overwritten(inputs, at, region, lifted) ?? { anchor };
}

function firstReader(region: Region, graph: Graph): { node: NodeId; value: ValueId } | undefined {
  let first: { node: NodeId; value: ValueId } | undefined;
  for (const { value } of region.outputs) {
    for (const user of graph.users(value)) {
      if (region.nodes.has(user) || region.shapeReaders.some((reader) => reader.node === user))
        continue;
      if (!first || graph.position(user) < graph.position(first.node))
        first = { node: user, value };
    }
  }
  return first;
}

/** Whether a collective may belong to a group: it names that group, or none that can be read. */
function mayShareGroup(node: Node, group: string): boolean {
  const texts = [...node.args, ...Object.values(node.kwargs)]
    .filter((arg): arg is Extract<Arg, { kind: 'string' }> => arg.kind === 'string')
    .map((arg) => arg.value);
  const names = texts.filter(
    (text) => !/^(sum|avg|min|max|product|band|bor|bxor|premul_sum)$/i.test(text),
  );
  return names.length === 0 || group === '' || names.includes(group);
}

/** An input whose storage something else changes before the site's place. */
function overwritten(
  inputs: readonly ValueId[],
  at: number,
  region: Region,
  { graph, storage }: Lifted,
): Place | undefined {
  for (const value of inputs) {
    const { node: maker, name } = graph.value(value);
    const born = maker === null ? -1 : graph.position(maker);
    for (const id of storage.writersOf(value)) {
      const position = graph.position(id);
      if (position <= born || position >= at || region.nodes.has(id)) continue;
      const writer = graph.node(id).name;
      const reason = `\`${writer}\` changes \`${name}\` in place before the fused form would read it.`;
      return { node: id, reason };
    }
  }
  return undefined;
}
