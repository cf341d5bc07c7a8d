import type { Deviation, SiteOutput } from '@arfuse/contract';

/**
 * What is compared:
 * - `function`: raw nodes and site, both in float64 without rounding, up to the quantiser;
 * - `record`: the raw nodes with their dtypes against an oracle with the record that the class claims for them;
 * - `kernels`: the steps in the kernels' arithmetic against an oracle with the same numerics record;
 * - `program`: the steps against the raw nodes with their dtypes;
 * - `chain`: every reader of a result in the rewritten graph against the value that it read before.
 */
export type ComparisonKind = 'function' | 'record' | 'kernels' | 'program' | 'chain';

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

/** What was proven, and what was not. */
export interface VerifyReport {
  readonly passed: boolean;
  readonly seed: number;
  readonly tokens: readonly number[];
  readonly classes: readonly ClassVerification[];
  /** Empty when a plan is verified without its graph. */
  readonly chains: readonly ChainVerification[];
  readonly notes: readonly string[];
}

/** One sentence for a failed comparison: class, steps, output, ULPs and place. */
export function describeFailure(of: ClassVerification, comparison: OutputComparison): string {
  const { worst } = comparison;
  const at = worst
    ? ` at rank ${worst.rank}, row ${worst.row}, column ${worst.column}: expected ${worst.expected}, found ${worst.found}`
    : '';
  return (
    `class ${of.class} [${of.steps.join(' + ')}]: ${comparison.kind} comparison of output "${comparison.output}" ` +
    `differs by ${formatUlps(comparison.maxUlps)} ULP${at}; required ${comparison.bound}.`
  );
}

/** ULP counts as people read them. */
export function formatUlps(ulps: number): string {
  if (!Number.isFinite(ulps)) return 'infinitely many';
  if (ulps === 0 || Number.isInteger(ulps)) return String(ulps);
  return ulps >= 0.01 ? ulps.toFixed(2) : ulps.toExponential(1);
}
