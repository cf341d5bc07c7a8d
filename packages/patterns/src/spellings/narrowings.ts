import type { NodeId, ValueId } from '@arfuse/graph';
import type { LiftContext } from './spelling.ts';

/** Casts of a value to a narrower dtype, in program order. */
export function narrowings(
  value: ValueId,
  { flow }: LiftContext,
): { readonly output: ValueId; readonly node: NodeId }[] {
  return flow.dataOf(value).readers.flatMap(({ node, wide }) => {
    const cast = wide || !node ? undefined : flow.castOf(node);
    return cast && node && flow.isNarrowing(cast) ? [{ output: cast.output, node: node.id }] : [];
  });
}
