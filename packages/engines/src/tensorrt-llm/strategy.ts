import type { PlanSegment } from '@arfuse/contract';

/** Values of the LLM argument `allreduce_strategy` that an export writes. */
export type TensorRtLlmStrategy = 'AUTO' | 'NCCL' | 'ONESHOT' | 'TWOSHOT' | 'NCCL_SYMMETRIC';

/** AutoDeploy's `detect_sharding.allreduce_strategy` takes the names of the enum, which has one more. */
export type AutoDeployStrategy = TensorRtLlmStrategy | 'SYMM_MEM';

const STRATEGIES: Readonly<Record<string, AutoDeployStrategy>> = {
  '@arfuse/flashinfer/one-shot': 'ONESHOT',
  '@arfuse/flashinfer/two-shot': 'TWOSHOT',
  '@arfuse/nccl/all-reduce': 'NCCL',
  '@arfuse/nccl/all-reduce-symmetric': 'NCCL_SYMMETRIC',
  '@arfuse/symm-mem/multimem': 'SYMM_MEM',
};

/** The kernels that perform a segment's all-reduces, alone or with later stages. */
export const allReduceKernels = ({ steps }: PlanSegment): string[] =>
  steps.filter(({ covers }) => covers.includes('all_reduce')).map(({ kernel }) => kernel);

/** TensorRT-LLM's strategy that launches the same kind of kernel; undefined where it has none. */
export const strategyOf = (kernel: string): AutoDeployStrategy | undefined => STRATEGIES[kernel];
