import type { IoDType } from './dtype.ts';
import type { NumericsRecord } from './numerics.ts';
import type { Stage } from './stage.ts';

/**
 * Names of patterns: the chain, then the quantiser. `ar_prepost` is the sandwich
 * all-reduce → norm → add → norm. Modifiers (bias, scale, merge) are stages, not names.
 */
export type PatternName =
  `${'ar_rms' | 'ar_add_rms' | 'ar_prepost'}${'' | '_fp8_static' | '_fp8_token' | '_fp8_group' | '_nvfp4'}`;

/**
 * A result of a site that something outside it reads. `all_reduce` is the value that enters the residual add
 * or the norm (after bias and scale), `residual` the sum, `pre_norm` the first norm of a sandwich.
 */
export type SiteOutput = 'all_reduce' | 'pre_norm' | 'residual' | 'norm' | 'quant' | 'scale';

/** Every output in its one order. */
export const SITE_OUTPUTS: readonly SiteOutput[] = [
  'all_reduce',
  'pre_norm',
  'residual',
  'norm',
  'quant',
  'scale',
];

/**
 * What sites with equal attributes share: pattern, stages with their attributes, hidden size, dtypes, the
 * group's ordinal, and which results escape. Decisions are made per class.
 */
export interface SiteClass {
  /** Stable within a plan: `c0`, `c1`, … in program order of first occurrence. */
  readonly id: string;
  readonly pattern: PatternName;
  readonly stages: readonly Stage[];
  readonly outputs: readonly SiteOutput[];
  /** Elements of a row. */
  readonly hidden: number;
  /** Dtype of the all-reduced activations. */
  readonly dtype: IoDType;
  /** Ordinal of the process group among the graph's groups, in order of first use. */
  readonly group: number;
  /** What the captured program computes. */
  readonly numerics: NumericsRecord;
}

/** Whether the class sums two all-reduces. */
export function isMerged(site: SiteClass): boolean {
  return site.stages.some((stage) => stage.kind === 'merge');
}
