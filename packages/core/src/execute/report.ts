import type { LaunchMode, SiteOutput } from '@arfuse/contract';
import type { Difference } from '../verify/report.ts';

/** What the ranks of a plan ran on. */
export interface ExecutionPlace {
  readonly device: 'gpu' | 'reference';
  /** Ranks of the group. */
  readonly ranks: number;
  /** Those of this process. */
  readonly here: readonly number[];
  /** Who started the processes; `process` where all ranks are in this one. */
  readonly launcher: 'process' | 'torchrun' | 'mpirun' | 'srun';
  /** How many ranks share a device. More than 1 is for tests: times say nothing of production. */
  readonly ranksPerDevice: number;
  /** Facts of this process's devices, in the order of its ranks. */
  readonly devices: readonly {
    readonly ordinal: number;
    readonly facts: Readonly<Record<string, string>>;
  }[];
}

/**
 * How many elements lie so far from the reference, in representable values of the output's dtype: `0`, `1`, `2`, `3–4`,
 * `5–8`, … and `other` where one of the two is no number. Empty counts are left out.
 */
export type UlpHistogram = Readonly<Record<string, number>>;

/** One output of one launch, against the reference. */
export interface OutputCheck {
  readonly output: SiteOutput;
  readonly passed: boolean;
  /** Largest distance to the reference, in representable values of the output's dtype. */
  readonly maxUlps: number;
  readonly histogram: UlpHistogram;
  /** What was required, in words. */
  readonly bound: string;
  /** The element furthest beyond the bound. */
  readonly worst?: Difference;
  /** What became of the row that has a NaN at every rank; absent where no row had one. */
  readonly nan?: 'kept' | 'lost';
}

/** One class launched once for one token count. */
export interface LaunchCheck {
  readonly class: string;
  readonly tokens: number;
  /** Launches of which the segment decides. */
  readonly segment: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  /** Kernel ids of the steps. */
  readonly steps: readonly string[];
  readonly seed: number;
  readonly passed: boolean;
  readonly outputs: readonly OutputCheck[];
  /** Sentences: bytes outside of the results, ranks that differ. */
  readonly faults: readonly string[];
}

/** Times of one operation, microseconds by the devices' own clocks, the slowest rank of each repetition. */
export interface DeviceTimes {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  /** Repetitions. */
  readonly n: number;
  /** Operations between the two clock readings of a repetition. */
  readonly perRepetition: number;
}
