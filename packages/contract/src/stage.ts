import type { DType } from './dtype.ts';

/**
 * The stages of a site, in the order in which the chain computes them. A step of a plan covers a
 * contiguous run of stages; a kernel declares which runs it can perform.
 *
 * Shapes: activations are `[rows, hidden]` in the site's dtype, weights and biases `[hidden]`.
 */
export type StageKind =
  | 'merge'
  | 'all_reduce'
  | 'bias'
  | 'scale'
  | 'pre_norm'
  | 'residual'
  | 'norm'
  | 'quant';

/** Two partial sums that are added: before one all-reduce (merged), or after two (as captured). */
export interface MergeStage {
  readonly kind: 'merge';
}

/** Sum over the ranks of the site's group. `partial` tells the two all-reduces of an unmerged pair apart. */
export interface AllReduceStage {
  readonly kind: 'all_reduce';
  readonly partial?: 0 | 1;
}

/** `x + bias` after the all-reduce, the same on every rank; the sum is rounded to the site's dtype. */
export interface BiasStage {
  readonly kind: 'bias';
  readonly dtype: DType;
}

/** `x * factor` after the all-reduce, rounded to the site's dtype. */
export interface ScaleStage {
  readonly kind: 'scale';
  readonly factor: number;
}

/** What one RMSNorm computes: `x * rsqrt(mean(x², last dim) + eps) * (weightBias + weight)`. */
export interface NormAttributes {
  /** Added to the mean of squares. */
  readonly eps: number;
  /** Dtype of the weight, or null when the norm has none. */
  readonly weightDtype: DType | null;
  /** 1 for Gemma's `1 + w`, else 0. */
  readonly weightBias: 0 | 1;
}

/** The first norm of a sandwich (all-reduce → norm → add → norm); its result is rounded to the site's dtype. */
export interface PreNormStage extends NormAttributes {
  readonly kind: 'pre_norm';
  readonly weightMultiply: 'before' | 'after';
}

/** `x + residual * factor`; factor is null when the residual is added as it is. */
export interface ResidualStage {
  readonly kind: 'residual';
  readonly factor: number | null;
}

/** The norm that ends the chain, or precedes the quantiser; what it reads is said by `NumericsRecord.normInput`. */
export interface NormStage extends NormAttributes {
  readonly kind: 'norm';
}

/** How a quantiser turns the normed value into narrow elements and scales. Nothing here is ever a deviation. */
export interface QuantAttributes {
  readonly scheme: 'fp8_static' | 'fp8_token' | 'fp8_group' | 'nvfp4';
  /** Dtype of the elements that are stored. */
  readonly outputDtype: DType;
  /** Elements that share a scale along the last dimension; null for per tensor and per token. */
  readonly groupSize: number | null;
  /** Dtype of the scales: `f32`, `f8e8m0fnu` (UE8M0), `f8e4m3fn` (NVFP4); null for a static scale that is an input. */
  readonly scaleDtype: DType | null;
  /** Smallest scale that is stored, or null when there is none. */
  readonly scaleFloor: number | null;
  /** Whether elements are multiplied by the reciprocal of the scale, or divided by it. */
  readonly scaleForm: 'reciprocal' | 'divide';
  /** Order in which scales are stored. */
  readonly scaleLayout:
    | 'none'
    | 'row_major'
    | 'column_major'
    | 'column_major_packed'
    | 'swizzled_128x4'
    | 'linear';
}

/** The quantiser after the norm. */
export interface QuantStage extends QuantAttributes {
  readonly kind: 'quant';
}

/** One stage of a site, with its attributes. */
export type Stage =
  | MergeStage
  | AllReduceStage
  | BiasStage
  | ScaleStage
  | PreNormStage
  | ResidualStage
  | NormStage
  | QuantStage;

/** Prints the kinds of a run, e.g. `all_reduce → residual → norm`. */
export function formatStages(stages: readonly Stage[]): string {
  return stages.map((stage) => stage.kind).join(' → ');
}

/** The stage of the given kind, typed, or undefined. */
export function findStage<K extends StageKind>(
  stages: readonly Stage[],
  kind: K,
): Extract<Stage, { kind: K }> | undefined {
  return stages.find((stage): stage is Extract<Stage, { kind: K }> => stage.kind === kind);
}
