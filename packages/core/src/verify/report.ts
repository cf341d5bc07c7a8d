import type { Deviation, LaunchMode, SiteOutput, StepParameter } from '@arfuse/contract';

/**
 * What is compared:
 * - `function`: raw nodes and site, both in float64 without rounding, up to the quantiser;
 * - `record`: the raw nodes with their dtypes against an oracle with the record that the class claims for them;
 * - `kernels`: the steps in the kernels' arithmetic against an oracle with the same numerics record;
 * - `program`: the steps against the raw nodes with their dtypes;
 * - `chain`: every reader of a result in the rewritten graph against the value that it read before;
 * - `offers`: the recorded parameters and numerics of the steps against what their kernels offer.
 */
export type ComparisonKind = 'function' | 'record' | 'kernels' | 'program' | 'chain' | 'offers';

/** Where and by how much two results differ most. */
export interface Difference {
  readonly rank: number;
  readonly row: number;
  readonly column: number;
  readonly expected: number;
  readonly found: number;
  /** Distance in units in the last place of the output's dtype at `expected`. */
  readonly ulps: number;
}

/** One output compared in one way. */
export interface OutputComparison {
  readonly kind: ComparisonKind;
  readonly output: SiteOutput;
  /** Row counts that were evaluated. */
  readonly tokens: readonly number[];
  readonly passed: boolean;
  /** Largest distance found, in units in the last place of the output's dtype; 0 when everything is equal. */
  readonly maxUlps: number;
  /** Largest distance relative to the expected value. */
  readonly maxRelative: number;
  /** What was required, in words. */
  readonly bound: string;
  /** The first element beyond the bound. */
  readonly worst?: Difference;
}

/** One class with one composition of steps. */
export interface ClassVerification {
  readonly class: string;
  readonly sites: number;
  readonly steps: readonly string[];
  readonly deviations: readonly Deviation[];
  readonly passed: boolean;
  readonly comparisons: readonly OutputComparison[];
}

/** Two consecutive sites of the rewritten graph. */
export interface ChainVerification {
  readonly sites: readonly [first: string, second: string] | readonly [only: string];
  readonly steps: readonly string[];
  readonly passed: boolean;
  /** Readers outside the two sites that were compared. */
  readonly readers: number;
  readonly failures: readonly {
    readonly reader: string;
    readonly reads: string;
    readonly was: string;
    readonly difference: Difference;
  }[];
}

/** One field in which a segment says something else than its kernels. */
export interface OfferDifference {
  /** Id of the kernel; those of the steps joined by ` + ` where no single one decides the field. */
  readonly kernel: string;
  /**
   * `params.NAME`, `numerics.NAME` or `deviations.NAME`; `mode` or `covers` where the segment is no such launch or run of
   * stages; `kernel` where the given backend has no such kernel; `admission` where the kernel refuses the launches.
   */
  readonly field: string;
  /** What the plan says; undefined when it says nothing. */
  readonly recorded: StepParameter | undefined;
  /** What the kernel offers, or the sentences of its refusal; undefined when it offers nothing. */
  readonly offered: StepParameter | undefined;
}

/** The steps of one segment against what their kernels offer for its launches. */
export interface OfferVerification {
  /** Id of the class, or of the plain all-reduces. */
  readonly class: string;
  /** Inclusive. */
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  readonly steps: readonly string[];
  /** False when something differs; kernels that could not be asked are in `notCompared`, and do not fail. */
  readonly passed: boolean;
  /** Kernels whose backend was not given. With any, parameters and numerics of the whole segment are not compared. */
  readonly notCompared: readonly string[];
  readonly differences: readonly OfferDifference[];
}

/** What was proven, and what was not. */
export interface VerifyReport {
  readonly passed: boolean;
  readonly seed: number;
  readonly tokens: readonly number[];
  readonly classes: readonly ClassVerification[];
  /** Empty when a plan is verified without its graph. */
  readonly chains: readonly ChainVerification[];
  /** One entry per segment of every class and of the plain all-reduces; empty when no backends are given. */
  readonly offers: readonly OfferVerification[];
  readonly notes: readonly string[];
}
