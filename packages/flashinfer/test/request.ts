import type { NumericsRecord, QuantStage, Stage, StepRequest, Target } from '@arfuse/contract';

export const AR: Stage = { kind: 'all_reduce' };
export const RESIDUAL: Stage = { kind: 'residual', factor: null };
export const NORM: Stage = { kind: 'norm', eps: 1e-6, weightDtype: 'bf16', weightBias: 0 };
export const PRE_NORM: Stage = {
  kind: 'pre_norm',
  eps: 1e-6,
  weightDtype: 'bf16',
  weightBias: 1,
  weightMultiply: 'before',
};

export const QUANT: Readonly<Record<QuantStage['scheme'], QuantStage>> = {
  fp8_static: {
    kind: 'quant',
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  fp8_token: {
    kind: 'quant',
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (512 * 448),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  fp8_group: {
    kind: 'quant',
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 128,
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

const NUMERICS: NumericsRecord = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  normInput: 'rounded',
  weightMultiply: 'after',
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

export const TARGET: Target = {
  sku: 'h200-sxm',
  capability: 90,
  interconnect: 'nvlink-switch',
  multicast: false,
  groups: { default: { size: 2, nodes: 1 } },
  tokens: { max: 8192, buckets: [1, 2, 4, 8], graphUpTo: 8 },
  libraries: {},
};

type Change = Partial<Omit<StepRequest, 'target' | 'rows'>> & {
  target?: Partial<Target>;
  rows?: number | { min: number; max: number };
};

export function request({ target, rows = 16, ...change }: Change = {}): StepRequest {
  return {
    stages: [AR, RESIDUAL, NORM],
    outputs: ['residual', 'norm'],
    numerics: NUMERICS,
    hidden: 4096,
    dtype: 'bf16',
    rows: typeof rows === 'number' ? { min: rows, max: rows } : rows,
    mode: 'graph',
    group: { size: 2, nodes: 1 },
    target: { ...TARGET, ...target },
    ...change,
  };
}
