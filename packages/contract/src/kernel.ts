import type { IoDType } from './dtype.ts';
import type { NumericsRecord } from './numerics.ts';
import type { SiteOutput } from './site.ts';
import type { Stage } from './stage.ts';
import type { Target, TargetGroup } from './target.ts';

/** A scalar or list that a step hands to its kernel. Part of the plan's hash. */
export type StepParameter =
  | string
  | number
  | boolean
  | null
  | readonly (string | number | boolean | null)[];

/** Launch parameters of a step by name. */
export type StepParameters = Readonly<Record<string, StepParameter>>;

/** How a bucket is launched. */
export type LaunchMode = 'graph' | 'eager';

/** One question to a kernel: can it perform this run of stages, for this many rows, here? */
export interface StepRequest {
  /** Contiguous run of the site's stages. */
  readonly stages: readonly Stage[];
  /** Results that something after this step reads, of those that the run produces. */
  readonly outputs: readonly SiteOutput[];
  /** What the captured program computes, so that a configurable kernel can follow it. */
  readonly numerics: NumericsRecord;
  readonly hidden: number;
  readonly dtype: IoDType;
  /** Smallest and largest row count of the launches asked about. */
  readonly rows: { readonly min: number; readonly max: number };
  readonly mode: LaunchMode;
  readonly group: TargetGroup;
  readonly target: Target;
}

/** A refusal is one or more sentences that name the offending value. */
export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly reasons: readonly string[] };

/** What a kernel would do for an admitted request. */
export interface KernelOffer {
  /** Launch parameters; equal on every rank by construction, since they follow from the request alone. */
  readonly params: StepParameters;
  /** The fields of the record that this kernel decides; the planner joins those of all steps. */
  readonly numerics: Partial<NumericsRecord>;
}

/**
 * One algorithm of a backend. `admit`, `offer` and `workspace` are pure functions of the request: no I/O,
 * no driver, no state.
 */
export interface Kernel {
  /** `npm-name/kernel`, e.g. `@arfuse/flashinfer/one-shot`. */
  readonly id: string;
  /** One line for people. */
  readonly title: string;
  /** Whether several ranks take part, i.e. the run contains the all-reduce. */
  readonly collective: boolean;
  /**
   * Rank for ties: the lower is the simpler. A library call is 0, a separate norm 1, a symmetric-memory kernel 2,
   * a fused kernel 3.
   */
  readonly complexity: number;
  /** Capability, never speed. */
  admit(request: StepRequest): Admission;
  /** Called only for admitted requests. */
  offer(request: StepRequest): KernelOffer;
  /** Bytes that each rank must keep for the largest launch of the request. */
  workspace(request: StepRequest): { readonly bytes: number };
}

/** Joins refusals; admitted when there are none. */
export function admission(reasons: readonly (string | false | null | undefined)[]): Admission {
  const given = reasons.filter((reason): reason is string => typeof reason === 'string');
  return given.length === 0 ? { admitted: true } : { admitted: false, reasons: given };
}
