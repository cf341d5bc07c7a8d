import type { IoDType, NumericsRecord, PlainClass, SiteClass, Target } from '@arfuse/contract';
import type { EngineQuestion } from '../src/index.ts';

export const MIB = 2 ** 20;
export const KIB = 1024;

const NUMERICS: NumericsRecord = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  normInput: 'unrounded',
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

/** All-reduce, add, norm, with the residual and the norm read afterwards. */
export const site = (hidden: number, change: Partial<SiteClass> = {}): SiteClass => ({
  id: 'c0',
  pattern: 'ar_add_rms',
  stages: [
    { kind: 'all_reduce' },
    { kind: 'residual', factor: null },
    { kind: 'norm', eps: 1e-5, weightDtype: 'bf16', weightBias: 0 },
  ],
  outputs: ['residual', 'norm'],
  hidden,
  dtype: 'bf16',
  group: 0,
  numerics: NUMERICS,
  ...change,
});

export const plain = (hidden: number, dtype: IoDType = 'bf16'): PlainClass => ({
  id: 'p0',
  pattern: 'all_reduce',
  stages: [{ kind: 'all_reduce' }],
  outputs: ['all_reduce'],
  hidden,
  dtype,
  group: 0,
  numerics: NUMERICS,
});

export const target = (capability: number, size: number, change: Partial<Target> = {}): Target => ({
  sku: `sm_${capability}`,
  capability,
  interconnect: 'nvlink-switch',
  multicast: false,
  groups: { default: { size, nodes: 1 } },
  tokens: { max: 2 ** 30, buckets: [], graphUpTo: 0 },
  libraries: {},
  ...change,
});

/** A launch of a class on a target, in group `tp:0`. */
export const question = (
  of: SiteClass | PlainClass,
  on: Target,
  tokens: number,
  mode: 'graph' | 'eager' = 'graph',
): EngineQuestion => ({
  site: of,
  target: on,
  group: on.groups.default!,
  groupName: 'tp:0',
  tokens,
  mode,
});
