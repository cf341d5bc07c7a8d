import type { IoDType, NumericsRecord, QuantStage, SiteClass, Stage } from '@arfuse/contract';
import {
  activationRows,
  Random,
  type RefTensor,
  SimulatedRanks,
  type SiteInputs,
  scalar,
  vector,
} from '../src/index.ts';

/** FlashInfer's fused kernels: rank order in float32, norm of the rounded sum, float32 weight multiply. */
export const FUSED: NumericsRecord = {
  accumulate: 'f32',
  reduceOrder: 'rank',
  hopRounding: false,
  allReduceRounded: true,
  normInput: 'rounded',
  weightMultiply: 'before',
  weightBias: 0,
  weightDtype: 'bf16',
  preNormWeightMultiply: null,
  quantInput: null,
  scaleFloor: null,
  scaleForm: null,
  scaleLayout: null,
  nan: 'propagate',
  geometryInvariant: true,
  mergedPartials: false,
};

/** A separate norm after the all-reduce, as in `norm.cuh`. */
export const UNFUSED: NumericsRecord = { ...FUSED, normInput: 'unrounded' };
/** NCCL's ring: every hop rounds to the activation dtype. */
export const RING: NumericsRecord = { ...UNFUSED, reduceOrder: 'ring', hopRounding: true };

export const ALL_REDUCE: Stage = { kind: 'all_reduce' };
export const RESIDUAL: Stage = { kind: 'residual', factor: null };
export const norm = (more: Partial<{ eps: number; weightBias: 0 | 1 }> = {}): Stage => ({
  kind: 'norm',
  eps: 1e-6,
  weightDtype: 'bf16',
  weightBias: 0,
  ...more,
});

export const QUANTISERS: Readonly<
  Record<'static' | 'token' | 'group' | 'packed' | 'nvfp4', QuantStage>
> = {
  static: {
    kind: 'quant',
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  token: {
    kind: 'quant',
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / 512 / 448,
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  group: {
    kind: 'quant',
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 16,
    scaleDtype: 'f32',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major',
  },
  packed: {
    kind: 'quant',
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 16,
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major_packed',
  },
  nvfp4: {
    kind: 'quant',
    scheme: 'nvfp4',
    outputDtype: 'f4e2m1fnx2',
    groupSize: 16,
    scaleDtype: 'f8e4m3fn',
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'swizzled_128x4',
  },
};

export function siteOf(
  stages: readonly Stage[],
  numerics: NumericsRecord,
  hidden = 64,
  dtype: IoDType = 'bf16',
): SiteClass {
  return {
    id: 'c0',
    pattern: 'ar_add_rms',
    stages,
    outputs: ['norm'],
    hidden,
    dtype,
    group: 0,
    numerics,
  };
}

export function oneGroup(size: number): SimulatedRanks {
  return new SimulatedRanks([{ name: '0', size }]);
}

/** Inputs of every row kind for every rank; special values in the first rank's first partial. */
export function inputsFor(
  site: SiteClass,
  ranks: SimulatedRanks,
  rows: number,
  partials = 1,
  seed = 7,
): SiteInputs {
  const { hidden, dtype } = site;
  const random = new Random(seed);
  return {
    partials: Array.from({ length: ranks.count }, (_, rank) =>
      Array.from({ length: partials }, (__, p) =>
        activationRows(dtype, rows, hidden, random.fork(`${rank}/${p}`), rank === 0 && p === 0),
      ),
    ),
    residual: activationRows(dtype, rows, hidden, random.fork('residual'), false),
    weight: vector(dtype, hidden, random.fork('weight'), 1),
    preNormWeight: vector(dtype, hidden, random.fork('pre'), 1),
    bias: vector(dtype, hidden, random.fork('bias'), 0),
    scale: scalar(
      'f32',
      site.stages.some((stage) => stage.kind === 'quant' && stage.scheme === 'nvfp4') ? 448 : 0.01,
    ),
  };
}

/** A tensor written out. */
export function tensor(
  dtype: RefTensor['dtype'],
  shape: readonly number[],
  data: readonly number[],
): RefTensor {
  return { dtype, shape, data: Float64Array.from(data) };
}
