import type { Evidence, EvidenceKind } from './evidence.ts';
import type { LaunchMode } from './kernel.ts';
import type { Candidate } from './plan.ts';
import type { SiteClass } from './site.ts';
import type { Target } from './target.ts';

/** The gain that a switch must bring, whichever is larger. */
export interface Margin {
  /** Percent of the slower time. */
  readonly percent: number;
  /** Multiple of the larger relative p10–p90 spread of the two, where spreads were recorded. */
  readonly spreads: number;
}

/** What a decision is about, and for messages: a site, or an all-reduce that no site takes. */
export type CellSite = SiteClass | PlainClass;

/** An all-reduce that no site takes, as far as its decision depends on it. */
export interface PlainClass extends Omit<SiteClass, 'pattern'> {
  readonly pattern: 'all_reduce';
}

/** One decision to make: a site class at one row count. */
export interface Cell {
  readonly site: CellSite;
  readonly tokens: number;
  readonly mode: LaunchMode;
  readonly target: Target;
  /** Candidates that every kernel admits at this row count, the simplest first. Never empty. */
  readonly candidates: readonly Candidate[];
  /** Candidates that somebody refused, with the sentences. */
  readonly refused: readonly {
    readonly candidate: Candidate;
    readonly reasons: readonly string[];
  }[];
  /** Default: 5 percent, 2 spreads. `margin(…)` of `@arfuse/core` changes it for the policy inside. */
  readonly margin: Margin;
  /**
   * The strongest evidence that the tables have for a candidate here, or undefined; of the given kinds only, when
   * some are given.
   */
  evidence(candidate: Candidate, kinds?: readonly EvidenceKind[]): Evidence | undefined;
}

/** What a policy says about a cell. Abstaining hands the cell to the next policy. */
export type PolicyDecision =
  | (PolicyTrace & {
      readonly kind: 'choose';
      readonly candidate: Candidate;
      readonly evidence: Evidence;
      readonly reason: string;
    })
  | (PolicyTrace & { readonly kind: 'abstain'; readonly reason: string });

/** What happened on the way to a decision. */
export interface PolicyTrace {
  /** Candidates that a rule took out, with the rule. */
  readonly denied?: readonly { readonly candidate: string; readonly reason: string }[];
  /** Remarks that end up in the plan's notes, e.g. what a shadow policy would have chosen. */
  readonly remarks?: readonly string[];
}

/** A pure function from a cell to a decision. Compose with `firstOf`, `prefer`, `deny`, … from `@arfuse/core`. */
export interface Policy {
  /** Shown in reasons and traces. */
  readonly name: string;
  decide(cell: Cell): PolicyDecision;
  /**
   * What explicit rules inside this policy demand here, wherever they stand; undefined when they demand nothing.
   * @throws PolicyError when a rule cannot be obeyed, or two rules demand different candidates
   */
  demand?(cell: Cell): PolicyDecision | undefined;
  /** Token counts at which the answer may change; the planner looks there, besides tables' rows. */
  readonly edges?: readonly number[];
  /** Whether the finished plan must give every row the same bits whatever the token count is. */
  readonly batchInvariant?: boolean;
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
