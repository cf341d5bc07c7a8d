import type { Graph, Node } from '@arfuse/graph';
import type { Flow } from '../flow/flow.ts';
import type { CanonicalOp } from './canonical.ts';

/** What a spelling sees of the graph. */
export interface LiftContext {
  readonly graph: Graph;
  readonly flow: Flow;
}

/**
 * One way in which a canonical op is written. It is tried at every node whose op is one of `ops`, so its cost
 * follows the number of such nodes. A user's own spelling is an object of this type, passed to `findSites`.
 */
export interface Spelling {
  /** Unique, e.g. `norm.rms/vllm_ir`. */
  readonly name: string;
  readonly produces: 'collective.all_reduce' | 'norm.rms' | 'norm.add_rms' | 'quant';
  /** Op names without overload at which the form is anchored. */
  readonly ops: readonly string[];
  /** One line for `docs/patterns.md`. */
  readonly title: string;
  /** The smallest text that matches. */
  readonly example: string;
  /** Canonical ops that the node stands for; none when it is something else. */
  lift(node: Node, context: LiftContext): readonly CanonicalOp[];
}

export function rejected(
  spelling: string,
  node: Node,
  subjects: readonly (number | undefined)[],
  reason: string,
): CanonicalOp {
  return {
    op: 'rejected',
    spelling,
    node: node.id,
    subjects: subjects.filter((v): v is number => v !== undefined),
    reason,
  };
}
