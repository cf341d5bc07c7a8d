import type {
  IoDType,
  LaunchMode,
  NumericsRecord,
  QuantAttributes,
  SiteOutput,
  Stage,
  StepRequest,
  Target,
  TargetGroup,
} from '@arfuse/contract';

const NORM = { eps: 1e-6, weightDtype: 'bf16', weightBias: 0 } as const;

const QUANTISERS: readonly QuantAttributes[] = [
  {
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  {
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (512 * 448),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  {
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 128,
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major_packed',
  },
  {
    scheme: 'nvfp4',
    outputDtype: 'f4e2m1fnx2',
    groupSize: 16,
    scaleDtype: 'f8e4m3fn',
    scaleFloor: null,
    scaleForm: 'divide',
    scaleLayout: 'swizzled_128x4',
  },
];

interface Run {
  readonly stages: readonly Stage[];
  readonly outputs: readonly (readonly SiteOutput[])[];
}

/** Runs of stages that sites are made of, with the sets of results that may be read after them. */
function runs(): Run[] {
  const allReduce: Stage = { kind: 'all_reduce' };
  const residual: Stage = { kind: 'residual', factor: null };
  const norm: Stage = { kind: 'norm', ...NORM };
  const gemma: Stage = { kind: 'norm', ...NORM, weightBias: 1 };
  const preNorm: Stage = { kind: 'pre_norm', ...NORM, weightMultiply: 'after' };
  const list: Run[] = [
    { stages: [allReduce], outputs: [['all_reduce']] },
    { stages: [allReduce, norm], outputs: [['norm'], ['all_reduce', 'norm']] },
    { stages: [allReduce, residual, norm], outputs: [['norm'], ['residual', 'norm']] },
    { stages: [allReduce, residual, gemma], outputs: [['residual', 'norm']] },
    { stages: [allReduce, preNorm], outputs: [['pre_norm']] },
    {
      stages: [allReduce, { kind: 'bias', dtype: 'bf16' }, residual, norm],
      outputs: [['residual', 'norm']],
    },
    {
      stages: [allReduce, { kind: 'scale', factor: 0.5 }, residual, norm],
      outputs: [['residual', 'norm']],
    },
    { stages: [{ kind: 'merge' }], outputs: [['all_reduce']] },
    { stages: [{ kind: 'merge' }, allReduce, residual, norm], outputs: [['residual', 'norm']] },
    { stages: [{ kind: 'all_reduce', partial: 0 }], outputs: [['all_reduce']] },
    { stages: [norm], outputs: [['norm']] },
    { stages: [residual, norm], outputs: [['residual', 'norm']] },
    { stages: [preNorm, residual, norm], outputs: [['residual', 'norm']] },
  ];
  for (const quant of QUANTISERS) {
    const scaled: readonly SiteOutput[] =
      quant.scheme === 'fp8_static' ? ['quant'] : ['quant', 'scale'];
    const stage: Stage = { kind: 'quant', ...quant };
    list.push({ stages: [allReduce, norm, stage], outputs: [scaled] });
    list.push({
      stages: [allReduce, residual, norm, stage],
      outputs: [
        ['residual', ...scaled],
        ['residual', 'norm', ...scaled],
      ],
    });
    list.push({ stages: [residual, norm, stage], outputs: [['residual', ...scaled]] });
  }
  return list;
}

/** The record of a program that is written in the commonest way, for these stages. */
export function numericsOf(stages: readonly Stage[]): NumericsRecord {
  const norm = stages.find((stage) => stage.kind === 'norm');
  const quant = stages.find((stage) => stage.kind === 'quant');
  return {
    accumulate: 'unspecified',
    reduceOrder: 'unspecified',
    hopRounding: 'unspecified',
    allReduceRounded: true,
    normInput: 'rounded',
    weightMultiply: 'after',
    weightBias: norm?.kind === 'norm' ? norm.weightBias : 0,
    weightDtype: norm?.kind === 'norm' ? norm.weightDtype : null,
    preNormWeightMultiply: stages.some((stage) => stage.kind === 'pre_norm') ? 'after' : null,
    quantInput: quant ? 'rounded' : null,
    scaleFloor: quant?.kind === 'quant' ? quant.scaleFloor : null,
    scaleForm: quant?.kind === 'quant' ? quant.scaleForm : null,
    scaleLayout: quant?.kind === 'quant' ? quant.scaleLayout : null,
    nan: quant?.kind === 'quant' && quant.scheme !== 'fp8_static' ? 'lost' : 'propagate',
    geometryInvariant: true,
    mergedPartials: stages[0]?.kind === 'merge',
  };
}

const BOXES: readonly {
  sku: string;
  capability: number;
  multicast: boolean;
  interconnect: Target['interconnect'];
}[] = [
  { sku: 'h200-sxm', capability: 90, multicast: false, interconnect: 'nvlink-switch' },
  { sku: 'h100-sxm', capability: 90, multicast: true, interconnect: 'nvlink-switch' },
  { sku: 'b200', capability: 100, multicast: true, interconnect: 'nvlink-switch' },
  { sku: 'a100-sxm', capability: 80, multicast: false, interconnect: 'pcie' },
];

const GROUPS: readonly TargetGroup[] = [
  { size: 2, nodes: 1 },
  { size: 4, nodes: 1 },
  { size: 8, nodes: 1 },
  { size: 16, nodes: 2 },
  { size: 3, nodes: 1 },
];

const ROWS: readonly { min: number; max: number }[] = [
  { min: 1, max: 1 },
  { min: 1, max: 8 },
  { min: 16, max: 64 },
  { min: 128, max: 128 },
  { min: 2048, max: 8192 },
];

const HIDDEN: readonly number[] = [64, 2880, 4096, 8192, 65544];
const DTYPES: readonly IoDType[] = ['bf16', 'f16', 'f32'];

/**
 * The grid of requests that a kernel is asked: every run of stages on several boxes, group sizes, row ranges,
 * hidden sizes, dtypes and launch modes. Deterministic.
 */
export function* requestGrid(): Generator<StepRequest> {
  for (const run of runs()) {
    for (const outputs of run.outputs) {
      for (const box of BOXES) {
        for (const group of GROUPS) {
          const target: Target = {
            ...box,
            groups: { default: group },
            tokens: { max: 8192, buckets: [1, 8, 64, 128], graphUpTo: 128 },
            libraries: {},
          };
          for (const rows of ROWS) {
            const mode: LaunchMode = rows.max <= 128 ? 'graph' : 'eager';
            for (const hidden of HIDDEN) {
              for (const dtype of DTYPES) {
                yield {
                  stages: run.stages,
                  outputs,
                  numerics: numericsOf(run.stages),
                  hidden,
                  dtype,
                  rows,
                  mode,
                  group,
                  target,
                };
              }
            }
          }
        }
      }
    }
  }
}
