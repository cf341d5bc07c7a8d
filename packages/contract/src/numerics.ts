import type { DType } from './dtype.ts';
import type { QuantAttributes } from './stage.ts';

/**
 * What a chain computes, beyond its real-valued function: where it rounds and in which order it adds.
 * The site has one record (what the captured program computes), the steps have one (what the kernels
 * compute); their difference is a list of named deviations.
 *
 * `unspecified` means that the captured program leaves the choice to its library (a graph says "sum over
 * the group", not in which order), so no value of the steps deviates from it.
 */
export interface NumericsRecord {
  /** Type of the running sum of the all-reduce. `io` rounds it to the activation dtype at every rank. */
  readonly accumulate: 'f32' | 'io' | 'unspecified';
  /** Order in which ranks are added: `rank` is 0…N-1 on every rank, `ring` starts at a rank that depends on the chunk. */
  readonly reduceOrder: 'rank' | 'ring' | 'tree' | 'unspecified';
  /** Whether partial sums are rounded to the activation dtype when they travel. */
  readonly hopRounding: boolean | 'unspecified';
  /** Whether the sum over ranks is rounded to the activation dtype before what follows. */
  readonly allReduceRounded: boolean;
  /** Whether the norm reads the sum as it is stored, or the sum before rounding. */
  readonly normInput: 'rounded' | 'unrounded';
  /** Whether the weight is multiplied before or after the down-cast to the activation dtype. */
  readonly weightMultiply: 'before' | 'after';
  readonly weightBias: 0 | 1;
  readonly weightDtype: DType | null;
  /** The first norm's multiply in a sandwich; null elsewhere. */
  readonly preNormWeightMultiply: 'before' | 'after' | null;
  /** Whether the quantiser reads the normed value rounded to the activation dtype; null without a quantiser. */
  readonly quantInput: 'rounded' | 'unrounded' | null;
  readonly scaleFloor: number | null;
  readonly scaleForm: QuantAttributes['scaleForm'] | null;
  readonly scaleLayout: QuantAttributes['scaleLayout'] | null;
  /** What a NaN in a row becomes: it stays NaN, or a quantiser turns it into a finite value. */
  readonly nan: 'propagate' | 'lost';
  /** Whether a row's result is independent of how many rows are in the batch. */
  readonly geometryInvariant: boolean;
  /** Whether two partial sums were added before one all-reduce, where the program reduces each. */
  readonly mergedPartials: boolean;
}

/** Name of a field of {@link NumericsRecord}. */
export type NumericsField = keyof NumericsRecord;

/**
 * Every field in its one order. `geometryInvariant` is left out of comparisons: it is a property of a
 * whole plan, checked there.
 */
export const NUMERICS_FIELDS: readonly NumericsField[] = [
  'accumulate',
  'reduceOrder',
  'hopRounding',
  'allReduceRounded',
  'normInput',
  'weightMultiply',
  'weightBias',
  'weightDtype',
  'preNormWeightMultiply',
  'quantInput',
  'scaleFloor',
  'scaleForm',
  'scaleLayout',
  'nan',
  'geometryInvariant',
  'mergedPartials',
];

/** Fields whose difference changes the function itself. A policy can never allow them. */
export const NEVER_DEVIATIONS: readonly NumericsField[] = [
  'weightBias',
  'weightDtype',
  'scaleFloor',
  'scaleForm',
  'scaleLayout',
];

/** A named difference between the numerics of the site and of the steps. */
export interface Deviation {
  readonly name: NumericsField;
  readonly site: string | number | boolean | null;
  readonly steps: string | number | boolean | null;
}

/**
 * The named differences between what the program computes and what the steps compute, in field order.
 * A field that the site leaves unspecified never deviates; nor do steps that keep a NaN which the program would turn
 * into a number (vLLM's own fusion of its static FP8 quantiser does so).
 */
export function deviationsOf(site: NumericsRecord, steps: NumericsRecord): Deviation[] {
  const found: Deviation[] = [];
  for (const name of NUMERICS_FIELDS) {
    if (name === 'geometryInvariant') continue;
    if (site[name] === 'unspecified' || site[name] === steps[name]) continue;
    if (name === 'nan' && site.nan === 'lost') continue;
    found.push({ name, site: site[name], steps: steps[name] });
  }
  return found;
}
