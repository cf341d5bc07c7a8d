import type { DType, IoDType, QuantAttributes, SiteOutput, Stage } from '@arfuse/contract';

/** A chain of stages with the results that leave it. */
export interface ConformanceChain {
  readonly name: string;
  /** Weights and biases have the dtype of the activations. */
  stages(dtype: IoDType): readonly Stage[];
  readonly outputs: readonly SiteOutput[];
}

const allReduce: Stage = { kind: 'all_reduce' };
const residual: Stage = { kind: 'residual', factor: null };
const norm = (weightDtype: DType, weightBias: 0 | 1 = 0): Stage => ({
  kind: 'norm',
  eps: 1e-5,
  weightDtype,
  weightBias,
});

const FP8 = { outputDtype: 'f8e4m3fn' } as const;

/** Quantisers as serving engines write them. */
const QUANTISERS: readonly QuantAttributes[] = [
  {
    ...FP8,
    scheme: 'fp8_static',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  {
    ...FP8,
    scheme: 'fp8_token',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (512 * 448),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  {
    ...FP8,
    scheme: 'fp8_group',
    groupSize: 64,
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
    scaleForm: 'reciprocal',
    scaleLayout: 'swizzled_128x4',
  },
];

const quantised: readonly ConformanceChain[] = QUANTISERS.flatMap((quantiser) => {
  const scaled: readonly SiteOutput[] =
    quantiser.scaleDtype === null ? ['quant'] : ['quant', 'scale'];
  const stages = (dtype: IoDType): readonly Stage[] => [
    allReduce,
    residual,
    norm(dtype),
    { kind: 'quant', ...quantiser },
  ];
  return [
    { name: quantiser.scheme, stages, outputs: ['residual', ...scaled] },
    { name: `${quantiser.scheme} with norm`, stages, outputs: ['residual', 'norm', ...scaled] },
  ];
});

/** Every chain that the pattern library finds, and the plain all-reduce. */
export const CONFORMANCE_CHAINS: readonly ConformanceChain[] = [
  { name: 'all-reduce', stages: () => [allReduce], outputs: ['all_reduce'] },
  {
    name: 'norm',
    stages: (dtype) => [allReduce, norm(dtype)],
    outputs: ['all_reduce', 'norm'],
  },
  {
    name: 'add + norm',
    stages: (dtype) => [allReduce, residual, norm(dtype)],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'Gemma',
    stages: (dtype) => [allReduce, residual, norm(dtype, 1)],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'sandwich',
    stages: (dtype) => [
      allReduce,
      { kind: 'pre_norm', eps: 1e-6, weightDtype: dtype, weightBias: 1, weightMultiply: 'before' },
      residual,
      norm(dtype),
    ],
    outputs: ['pre_norm', 'residual', 'norm'],
  },
  {
    name: 'bias',
    stages: (dtype) => [allReduce, { kind: 'bias', dtype }, residual, norm(dtype)],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'scaled residual',
    stages: (dtype) => [allReduce, { kind: 'residual', factor: 0.3 }, norm(dtype)],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'merged halves',
    stages: (dtype) => [{ kind: 'merge' }, allReduce, residual, norm(dtype)],
    outputs: ['residual', 'norm'],
  },
  ...quantised,
];
