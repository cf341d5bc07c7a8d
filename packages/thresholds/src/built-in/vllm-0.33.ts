import { type LimitFacts, limitsTable, MiB } from './build.ts';

const ONE_SHOT = ['@arfuse/flashinfer/one-shot'];
const TWO_SHOT = ['@arfuse/flashinfer/two-shot'];

interface Limit {
  readonly capability: number;
  readonly groupSize: number;
  readonly fusedMiB: number;
  readonly fusedLines: string;
  readonly oneShotMiB: number;
  readonly oneShotLines: string;
}

/** Groups of 16 are left out: they run FlashInfer's multi-node multicast backend, which arfuse has no kernel for. */
function limit(
  capability: number,
  fusedLines: string,
  oneShotLines: string,
  bySize: Readonly<Record<number, readonly [fusedMiB: number, oneShotMiB: number]>>,
): Limit[] {
  return Object.entries(bySize).map(([size, [fusedMiB, oneShotMiB]]) => ({
    capability,
    groupSize: Number(size),
    fusedMiB,
    fusedLines,
    oneShotMiB,
    oneShotLines,
  }));
}

const LIMITS: readonly Limit[] = [
  ...limit(90, '105-109', '133-137', { 2: [64, 32], 4: [2, 2], 8: [0.5, 0.5] }),
  ...limit(100, '110-115', '138-142', { 2: [64, 32], 4: [32, 4], 8: [1, 1] }),
  ...limit(103, '116-121', '143-147', { 2: [64, 32], 4: [64, 4], 8: [4, 2] }),
  ...limit(107, '122-126', '148-152', { 2: [64, 32], 4: [64, 4], 8: [2, 2] }),
];

const FILE = 'vllm 0.33.0: vllm/compilation/passes/fusion/allreduce_rms_fusion.py';

function facts(found: Limit): LimitFacts[] {
  const { capability, groupSize, fusedMiB, oneShotMiB } = found;
  const patterns = [
    'ar_rms',
    'ar_add_rms',
    'ar_rms_fp8_static',
    'ar_add_rms_fp8_static',
    ...(capability >= 100 ? (['ar_rms_nvfp4', 'ar_add_rms_nvfp4'] as const) : []),
  ] as const;
  const oneShotMax = Math.min(fusedMiB, oneShotMiB) * MiB;
  return [
    {
      capability,
      groupSize,
      patterns,
      kernels: ONE_SHOT,
      max: oneShotMax,
      citation: `${FILE}:${found.oneShotLines} (one-shot), :${found.fusedLines} (fused)`,
    },
    ...(fusedMiB > oneShotMiB
      ? [
          {
            capability,
            groupSize,
            patterns,
            kernels: TWO_SHOT,
            min: oneShotMax,
            minInclusive: false,
            max: fusedMiB * MiB,
            citation: `${FILE}:${found.fusedLines} (fused), :${found.oneShotLines} (one-shot)`,
          },
        ]
      : []),
  ];
}

/** Up to which message size vLLM 0.33.0 replaces all-reduce + RMSNorm by FlashInfer's fusion, and in which form. */
export const vllm033: ReturnType<typeof limitsTable> = limitsTable(
  'vllm-0.33',
  'vLLM 0.33.0: fused all-reduce + RMSNorm',
  'vllm 0.33.0, published package, read and not run',
  LIMITS.flatMap(facts),
);
