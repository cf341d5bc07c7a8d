import type { IoDType, NumericsRecord, PatternName, SiteOutput, Stage } from '@arfuse/contract';
import type { Dim, NodeId, ValueId } from '@arfuse/graph';

/** One matched chain of a graph, rooted at one all-reduce or a merged pair. */
export interface SiteMatch {
  readonly pattern: PatternName;
  readonly stages: readonly Stage[];
  /** What the captured program computes. */
  readonly numerics: NumericsRecord;
  readonly hidden: number;
  readonly dtype: IoDType;
  /** Row count of the activations. */
  readonly rows: Dim;
  /** The graph's group name; `''` when the spelling has none. */
  readonly group: string;
  /** Raw all-reduce nodes: one, or two when merged. */
  readonly allReduces: readonly NodeId[];
  /** Raw values that enter the site. */
  readonly inputs: {
    /** Un-reduced partial sums, one per all-reduce. */
    readonly partials: readonly ValueId[];
    readonly residual?: ValueId;
    readonly weight?: ValueId;
    readonly bias?: ValueId;
    readonly preNormWeight?: ValueId;
    /** Static quantisation scale. */
    readonly scale?: ValueId;
  };
  /**
   * Raw values that something outside the site reads, in `SITE_OUTPUTS` order. An output stands once per raw value
   * that holds it, usually once.
   */
  readonly outputs: readonly { readonly output: SiteOutput; readonly value: ValueId }[];
  /** Every raw node that the site replaces, in program order. None of them has an effect outside the site. */
  readonly covered: readonly NodeId[];
  /** The node at whose place the rewritten site stands: all inputs exist there and no user comes before it. */
  readonly anchor: NodeId;
  /**
   * Nodes outside the site that read only the shape or metadata of a value that the site no longer produces.
   * Rewriting points them at `like`, an input of the same type.
   */
  readonly shapeReaders?: readonly {
    readonly node: NodeId;
    readonly value: ValueId;
    readonly like: ValueId;
  }[];
  /**
   * True when the residual that enters or leaves is an f32 sum which only other sites read: a compiler pass has
   * dropped the rounding between them. Fused, it is rounded to the site's dtype again.
   */
  readonly carriedResidual?: boolean;
  /** Weight name or module path that tells the layer, when the capture has one. */
  readonly layer?: string;
}

/** Why an all-reduce is in no site. */
export interface Miss {
  readonly allReduce: NodeId;
  /** How far the best attempt came. */
  readonly phase: 'structure' | 'use' | 'check';
  readonly node: NodeId;
  readonly reason: string;
}

/** An op that an engine has fused before the capture. */
export interface AlreadyFused {
  readonly node: NodeId;
  readonly pattern: PatternName;
  readonly stages: readonly Stage[];
  readonly numerics: NumericsRecord;
  readonly hidden: number;
  readonly dtype: IoDType;
  readonly group: string;
  readonly outputs: readonly SiteOutput[];
  /**
   * True when the op also combines the outputs of a row's experts into the partial sum that it reduces. The stages say
   * what follows: arfuse would leave that sum as an op of its own.
   */
  readonly moeFinalize?: true;
}

/** Everything that matching says about a graph. Each all-reduce is in exactly one of `sites` and `misses`. */
export interface Matching {
  /** In program order of their first all-reduce. */
  readonly sites: readonly SiteMatch[];
  readonly misses: readonly Miss[];
  readonly alreadyFused: readonly AlreadyFused[];
  /** Raw all-reduce nodes in program order. */
  readonly allReduces: readonly NodeId[];
  /** Group names in order of first use; a site class names them by ordinal. */
  readonly groups: readonly string[];
  /** Collectives that are no all-reduce, with the nodes that make their input and read their result. */
  readonly otherCollectives?: readonly {
    readonly node: NodeId;
    readonly before: readonly NodeId[];
    readonly after: readonly NodeId[];
  }[];
  /** Ops that may hide an all-reduce from this graph, and Triton kernels that look like a quantiser. */
  readonly opaque?: readonly { readonly node: NodeId; readonly reason: string }[];
}
