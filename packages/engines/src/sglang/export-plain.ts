import type { NumericsRecord, PlainClass, PlanPlain } from '@arfuse/contract';

/** What an all-reduce alone computes, as far as a graph says. */
const NUMERICS: NumericsRecord = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  normInput: 'rounded',
  weightMultiply: 'after',
  weightBias: 0,
  weightDtype: null,
  preNormWeightMultiply: null,
  quantInput: null,
  scaleFloor: null,
  scaleForm: null,
  scaleLayout: null,
  nan: 'propagate',
  geometryInvariant: true,
  mergedPartials: false,
};

/** A plan's plain all-reduces as the class that an engine is asked about. */
export const plainClass = ({ id, group, hidden, dtype }: PlanPlain): PlainClass => ({
  id,
  pattern: 'all_reduce',
  stages: [{ kind: 'all_reduce' }],
  outputs: ['all_reduce'],
  group,
  hidden,
  dtype,
  numerics: NUMERICS,
});
