import type { StageKind } from '@arfuse/contract';

/** One step of a fusion's chain. An optional step is taken where the graph has it. */
export interface FusionStep {
  readonly stage: Exclude<StageKind, 'all_reduce'>;
  readonly optional?: boolean;
}

/**
 * A chain that starts at one all-reduce (or at two whose results are only summed), declared over canonical ops.
 * Every spelling of every op takes part. Which results escape, the quantiser's scheme and all attributes are
 * captured from the graph. A user's own fusion is an object of this type, passed to `findSites`.
 */
export interface Fusion {
  /** Unique. */
  readonly name: string;
  /** One line for `docs/patterns.md`. */
  readonly title: string;
  /** The smallest text that matches, in canonical ops. */
  readonly example: string;
  /** What follows the all-reduce, in order; `merge` comes first and means both partial sums. */
  readonly steps: readonly FusionStep[];
}

const HEAD: readonly FusionStep[] = [
  { stage: 'merge', optional: true },
  { stage: 'scale', optional: true },
  { stage: 'bias', optional: true },
  { stage: 'scale', optional: true },
];
const NORM: readonly FusionStep[] = [{ stage: 'norm' }, { stage: 'quant', optional: true }];

/** Fusions that are found without asking, largest first. */
export const DEFAULT_FUSIONS: readonly Fusion[] = [
  {
    name: 'ar_prepost',
    title: 'sandwich norm: all-reduce, norm, residual add, norm; with or without a quantiser',
    example: 'a = all_reduce(x); p = rms(a, w0, eps); s = residual + p; y = rms(s, w1, eps)',
    steps: [...HEAD, { stage: 'pre_norm' }, { stage: 'residual' }, ...NORM],
  },
  {
    name: 'ar_add_rms',
    title: 'all-reduce, residual add, norm; with or without a quantiser',
    example: 'a = all_reduce(x); s = residual + a; y = rms(s, w, eps)',
    steps: [...HEAD, { stage: 'residual' }, ...NORM],
  },
  {
    name: 'ar_rms',
    title: 'all-reduce and norm; with or without a quantiser; the reduced value may escape',
    example: 'a = all_reduce(x); y = rms(a, w, eps)',
    steps: [...HEAD, ...NORM],
  },
];
