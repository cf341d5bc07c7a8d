import { type NodeId, opBase } from '@arfuse/graph';
import { flowRole } from './flow/look-through.ts';
import type { AlreadyFused, Matching } from './matching.ts';
import { isCollective } from './spellings/all-reduce.ts';
import type { Lifted } from './spellings/lifted.ts';
import { looksLikeQuantiser, TRITON_WRAPPERS, tritonReason } from './spellings/triton-kernel.ts';

/** Ops of engines that reduce over ranks inside, without saying so. */
const OPAQUE = new Set([
  'vllm.moe_forward',
  'vllm.moe_forward_shared',
  'sglang._push_res_op',
  'sglang._push_norm_op',
  'sglang._pull_res_op',
  'sglang._pull_norm_op',
  'sglang._finalize_push_norm_op',
  'auto_deploy.sharded_rmsnorm',
  'auto_deploy.fused_sharded_qk_rmsnorm',
  'auto_deploy.lamport_sharded_qk_rmsnorm',
]);

/** Collectives that are no all-reduce, with what stands around them, and ops that hide one, or a quantiser. */
export function surroundings(
  lifted: Lifted,
  allReduces: readonly NodeId[],
  fused: readonly AlreadyFused[],
): Pick<Matching, 'otherCollectives' | 'opaque'> {
  const { graph } = lifted;
  const known = new Set([...allReduces, ...fused.map(({ node }) => node)]);
  const otherCollectives: NonNullable<Matching['otherCollectives']>[number][] = [];
  const opaque: NonNullable<Matching['opaque']>[number][] = [];
  for (const base of new Set(graph.nodes.map(({ op }) => opBase(op)))) {
    if (OPAQUE.has(base)) {
      for (const node of graph.nodesOf(base))
        opaque.push({
          node: node.id,
          reason: `\`${node.name}\` (${node.op}) may reduce over ranks inside; an all-reduce there is invisible in this graph.`,
        });
    } else if (isCollective(base)) {
      for (const node of graph.nodesOf(base)) {
        if (known.has(node.id)) continue;
        otherCollectives.push({ node: node.id, ...around(node.id) });
      }
    }
  }
  for (const op of TRITON_WRAPPERS) {
    for (const node of graph.nodesOf(op))
      if (looksLikeQuantiser(node, lifted))
        opaque.push({ node: node.id, reason: `${tritonReason(node, lifted)}.` });
  }
  const order = (a: { node: NodeId }, b: { node: NodeId }): number =>
    graph.position(a.node) - graph.position(b.node);
  return { otherCollectives: otherCollectives.sort(order), opaque: opaque.sort(order) };

  function around(id: NodeId): { before: NodeId[]; after: NodeId[] } {
    const node = graph.node(id);
    const before = new Set<NodeId>();
    for (const arg of node.args) {
      const producer = arg.kind === 'value' ? graph.producer(lifted.flow.root(arg.id)) : undefined;
      if (producer) before.add(producer.id);
    }
    const after = new Set<NodeId>();
    for (const value of node.outputs) {
      for (const reader of lifted.flow.dataOf(value).readers)
        if (reader.node && flowRole(opBase(reader.node.op)) === null) after.add(reader.node.id);
    }
    return { before: [...before], after: [...after] };
  }
}
