import type { NumericsRecord } from '@arfuse/contract';

type Record = Partial<NumericsRecord>;

/** A sum in f32, in rank order, rounded once. */
export const RANK_ORDER: Record = {
  accumulate: 'f32',
  reduceOrder: 'rank',
  hopRounding: false,
  allReduceRounded: true,
  geometryInvariant: true,
};

/** The switch adds in an order that is not documented. */
export const SWITCH: Record = {
  ...RANK_ORDER,
  reduceOrder: 'unspecified',
  geometryInvariant: false,
};

/** NCCL's ring: partial sums travel in the activations' dtype. */
export const RING: Record = {
  accumulate: 'io',
  reduceOrder: 'ring',
  hopRounding: true,
  allReduceRounded: true,
  geometryInvariant: false,
};

/** NCCL over symmetric windows. */
export const SYMMETRIC_RING: Record = { ...RING, accumulate: 'f32', hopRounding: false };

/** NCCL pinned to its tree and to a number of channels, so that a row's sum does not depend on the batch. */
export const TREE: Record = { ...RING, reduceOrder: 'tree', geometryInvariant: true };

/** An algorithm that the library picks by its own tuning. */
export const LIBRARY: Record = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  geometryInvariant: false,
};

/** FlashInfer's kARResidualRMSNorm with f32 sums: the norm of the rounded residual, the weight before the down-cast. */
export const FLASHINFER_NORM: Record = {
  ...RANK_ORDER,
  normInput: 'rounded',
  weightMultiply: 'before',
  geometryInvariant: false,
};

/** The CuTe DSL kernels, of which one reduces in the switch. */
export const CUTEDSL_NORM: Record = { ...FLASHINFER_NORM, reduceOrder: 'unspecified' };

/** SGLang's own kernel: the sum over ranks is rounded to bf16, the sum with the residual is normalised as it is. */
export const OWN_NORM: Record = { ...FLASHINFER_NORM, normInput: 'unrounded' };
