import type { NumericsRecord, StepRequest, Target } from '@arfuse/contract';

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

const TARGET: Target = {
  sku: 'h100-sxm',
  capability: 90,
  interconnect: 'nvlink-switch',
  multicast: true,
  groups: { default: { size: 8, nodes: 1 } },
  tokens: { max: 8192, buckets: [], graphUpTo: 0 },
  libraries: {},
};

type Change = Partial<Omit<StepRequest, 'target' | 'rows'>> & {
  target?: Partial<Target>;
  rows?: number;
};

/** An all-reduce alone on 8 H100 of one node. */
export function request({ target, rows = 16, ...change }: Change = {}): StepRequest {
  return {
    stages: [{ kind: 'all_reduce' }],
    outputs: ['all_reduce'],
    numerics: NUMERICS,
    hidden: 4096,
    dtype: 'bf16',
    rows: { min: rows, max: rows },
    mode: 'eager',
    group: { size: 8, nodes: 1 },
    target: { ...TARGET, ...target },
    ...change,
  };
}
