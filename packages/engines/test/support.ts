import type {
  NumericsRecord,
  Plan,
  PlanSegment,
  PlanStep,
  SiteClass,
  Stage,
  StageKind,
  StepParameters,
} from '@arfuse/contract';

const numerics: NumericsRecord = {
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
  geometryInvariant: false,
  mergedPartials: false,
};

export const norm = {
  kind: 'norm',
  eps: 1e-5,
  weightDtype: 'bf16',
  weightBias: 0,
} as const satisfies Stage;
export const STAGES: readonly Stage[] = [
  { kind: 'all_reduce' },
  { kind: 'residual', factor: null },
  norm,
];

export function siteClass(more: Partial<SiteClass> = {}): SiteClass {
  return {
    id: 'c0',
    pattern: 'ar_add_rms',
    stages: STAGES,
    outputs: ['residual', 'norm'],
    hidden: 4096,
    dtype: 'bf16',
    group: 0,
    numerics,
    ...more,
  };
}

const step = (
  kernel: string,
  covers: readonly StageKind[],
  params: StepParameters = {},
): PlanStep => ({ kernel, params, covers });
const CHAIN: readonly StageKind[] = ['all_reduce', 'residual', 'norm'];

/** Steps by a short name. */
export const STEPS = {
  one: [step('@arfuse/flashinfer/one-shot', CHAIN, { pdl: false })],
  two: [step('@arfuse/flashinfer/two-shot', CHAIN, { pdl: false })],
  nccl: [
    step('@arfuse/nccl/all-reduce', ['all_reduce']),
    step('@arfuse/native/norm', ['residual', 'norm']),
  ],
  symmetric: [
    step('@arfuse/nccl/all-reduce-symmetric', ['all_reduce']),
    step('@arfuse/native/norm', ['residual', 'norm']),
  ],
} as const;

/** A segment of `[min, max]` tokens; `us` is its time at `max`. */
export function segment(
  min: number,
  max: number,
  steps: keyof typeof STEPS,
  us?: number,
): PlanSegment {
  return {
    tokens: [min, max],
    mode: max <= 512 ? 'graph' : 'eager',
    steps: STEPS[steps],
    numerics,
    deviations: [],
    evidence: { kind: 'measured', note: 'made up', ...(us === undefined ? {} : { us }) },
    reason: 'made up',
    ...(us === undefined ? {} : { expectedUs: us }),
  };
}

export interface PlanFacts {
  readonly classes?: readonly SiteClass[];
  readonly segments: Readonly<Record<string, readonly PlanSegment[]>>;
  readonly size?: number;
  readonly capability?: number;
  readonly engine?: string;
  readonly multicast?: boolean;
}

export function planOf({
  classes = [siteClass()],
  segments,
  size = 2,
  capability = 90,
  engine,
  multicast = false,
}: PlanFacts): Plan {
  return {
    specificationVersion: 1,
    kind: 'arfuse.plan',
    summary: { nodes: 10, allReduces: 1, sites: 1, merged: 0, plain: 0, alreadyFused: 0 },
    target: {
      sku: 'h200-sxm',
      capability,
      interconnect: 'nvlink-switch',
      multicast,
      groups: { default: { size, nodes: 1 } },
      tokens: { max: 8192, buckets: [], graphUpTo: 512 },
      libraries: {},
      ...(engine === undefined ? {} : { engine }),
    },
    tables: [],
    backends: [],
    groups: [
      { name: 'tp', size, nodes: 1 },
      { name: 'ep', size, nodes: 1 },
    ],
    classes,
    sites: [],
    misses: [],
    alreadyFused: [],
    decisions: classes.map(({ id }) => ({
      class: id,
      sites: ['s0'],
      segments: segments[id] ?? [],
      candidates: [],
    })),
    notes: [],
    slices: {},
    hash: '',
  };
}
