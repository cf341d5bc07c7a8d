import { limitsTable, MiB } from './build.ts';

/** `2 * group * bytes` up to these, by group size; the source derived them on B200 and applies them to every GPU. */
const BUDGET_MIB: Readonly<Record<number, number>> = { 2: 512, 4: 64, 8: 42 };

/** Up to which size FlashInfer 0.7.2.post1 itself takes the one-shot form when its caller leaves the choice open. */
export const flashinfer072: ReturnType<typeof limitsTable> = limitsTable(
  'flashinfer-0.7.2',
  'FlashInfer 0.7.2.post1: one-shot form of the trtllm fusion',
  'flashinfer-python 0.7.2.post1, published package, read and not run',
  [90, 100, 103, 120].flatMap((capability) =>
    Object.entries(BUDGET_MIB).map(([size, mib]) => ({
      capability,
      groupSize: Number(size),
      patterns: ['all_reduce', 'ar_rms', 'ar_add_rms', 'ar_add_rms_fp8_static'] as const,
      kernels: ['@arfuse/flashinfer/one-shot'],
      max: (mib * MiB) / (2 * Number(size)),
      citation: 'flashinfer-python 0.7.2.post1: flashinfer/comm/allreduce.py:712-725',
    })),
  ),
);
