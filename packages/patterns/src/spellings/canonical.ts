import type { DType, QuantAttributes } from '@arfuse/contract';
import type { NodeId, ValueId } from '@arfuse/graph';

/** What every canonical op remembers of its raw form. */
interface Raised {
  /** Name of the spelling that raised it. */
  readonly spelling: string;
  /** The node that tells where the op stands. */
  readonly node: NodeId;
  /** Raw nodes that compute it and nothing else. */
  readonly covered: readonly NodeId[];
  /** Raw nodes that prepare an operand (casts, views, `1 + w`): covered when nothing else reads them. */
  readonly side: readonly NodeId[];
}

/** A sum over the ranks of a group. */
export interface AllReduceOp extends Raised {
  readonly op: 'collective.all_reduce';
  readonly input: ValueId;
  /** Every value that holds the result: the result itself and the state of an argument changed in place. */
  readonly outputs: readonly ValueId[];
  /** The graph's name for the group; `''` when the spelling has none. */
  readonly group: string;
  /** The reduce op; only `sum` can be part of a site. */
  readonly reduce: string;
  /** Tensors that one call reduces; a coalesced call is one op per tensor. */
  readonly tensors: number;
}

interface Norm extends Raised {
  readonly x: ValueId;
  readonly eps: number;
  readonly weight: ValueId | null;
  readonly weightDtype: DType | null;
  /** 1 when the weight is used as `1 + w`, computed in f32. */
  readonly weightBias: 0 | 1;
  readonly weightMultiply: 'before' | 'after';
  /** Elements that are normed together. */
  readonly hidden: number | undefined;
  readonly output: ValueId;
  /** The result before its last rounding, where the graph has it. */
  readonly unrounded?: ValueId;
}

/** `x * rsqrt(mean(x²) + eps) * (weightBias + weight)` over the last dimension. */
export interface RmsOp extends Norm {
  readonly op: 'norm.rms';
}

/** The norm of `x + residual`; the sum is a result, too. */
export interface AddRmsOp extends Norm {
  readonly op: 'norm.add_rms';
  readonly residual: ValueId;
  /** The sum rounded to the activation dtype, when something reads it. */
  readonly sum: ValueId | undefined;
  readonly normInput: 'rounded' | 'unrounded';
}

/** Elements and scales of a narrow format, from a normed value. */
export interface QuantOp extends Raised {
  readonly op: 'quant';
  readonly input: ValueId;
  readonly attributes: QuantAttributes;
  /** Static scale that is given. */
  readonly scale?: ValueId;
  readonly output: ValueId;
  /** Scales that are computed. */
  readonly scaleOutput?: ValueId;
  readonly nan: 'propagate' | 'lost';
}

/** Something that looks like a canonical op and is none; the reason becomes a miss of the all-reduce before it. */
export interface Rejected {
  readonly op: 'rejected';
  readonly spelling: string;
  readonly node: NodeId;
  /** Values that the rejected op reads. */
  readonly subjects: readonly ValueId[];
  /** A sentence without a capital that names the node. */
  readonly reason: string;
}

/** A raw form raised to what it computes. */
export type CanonicalOp = AllReduceOp | RmsOp | AddRmsOp | QuantOp | Rejected;
