import { KiB, limitsTable } from './build.ts';

/** When PyTorch 2.15.0's Inductor turns an all-reduce into its one-shot form; off unless `_collective.auto_select` is on. */
export const pytorch215: ReturnType<typeof limitsTable> = limitsTable(
  'pytorch-2.15',
  'PyTorch 2.15.0: Inductor, all-reduce as one-shot symmetric memory',
  'torch 2.15.0, published package, read and not run; _collective.auto_select is off by default',
  [80, 90, 100, 103].flatMap((capability) =>
    [2, 4, 8].map((groupSize) => ({
      capability,
      groupSize,
      patterns: ['all_reduce'] as const,
      kernels: ['torch/one_shot'],
      max: 128 * KiB,
      dtypes: ['bf16', 'f16', 'f32'] as const,
      citation:
        'torch 2.15.0: torch/_inductor/config.py:1398-1400, torch/_inductor/comm_lowering.py:160-174',
    })),
  ),
);
