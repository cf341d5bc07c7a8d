import type { LaunchMode } from './kernel.ts';
import type { Candidate, Evidence } from './plan.ts';
import type { SiteClass } from './site.ts';
import type { Target } from './target.ts';

/** One decision to make: a site class at one row count. */
export interface Cell {
  readonly site: SiteClass;
  readonly tokens: number;
  readonly mode: LaunchMode;
  readonly target: Target;
  /** Candidates that every kernel admits at this row count, the simplest first. Never empty. */
  readonly candidates: readonly Candidate[];
  /** Candidates that somebody refused, with the sentences. */
  readonly refused: readonly { readonly candidate: Candidate; readonly reasons: readonly string[] }[];
  /** The strongest evidence that the tables have for a candidate here, or undefined. */
  evidence(candidate: Candidate): Evidence | undefined;
}

/** What a policy says about a cell. Abstaining hands the cell to the next policy. */
export type PolicyDecision =
  | { readonly kind: 'choose'; readonly candidate: Candidate; readonly evidence: Evidence; readonly reason: string }
  | { readonly kind: 'abstain'; readonly reason: string };

/** A pure function from a cell to a decision. Compose with `firstOf`, `prefer`, `deny`, … from `@arfuse/core`. */
export interface Policy {
  /** Shown in reasons and traces. */
  readonly name: string;
  decide(cell: Cell): PolicyDecision;
  /**
   * Deviations that this policy allows in place of the default list.
   * @see DEFAULT_ALLOWED_DEVIATIONS
   */
  readonly allowDeviations?: readonly string[];
}

/**
 * Deviations that the engines that fuse today accept: the norm of the rounded sum, the place of the weight
 * multiply, order and type of the reduction, and adding routed and shared expert partials before one
 * all-reduce (vLLM and SGLang do so in model code).
 */
export const DEFAULT_ALLOWED_DEVIATIONS = [
  'normInput',
  'weightMultiply',
  'preNormWeightMultiply',
  'reduceOrder',
  'accumulate',
  'hopRounding',
  'mergedPartials',
] as const;
