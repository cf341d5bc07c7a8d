import type { TableKey } from '@arfuse/contract';
import { type LimitFacts, limitsTable } from './build.ts';

const CITATION =
  'NVIDIA/TensorRT-LLM @ 005b299b: cpp/tensorrt_llm/common/customAllReduceUtils.h, AllReduceBestStrategyTable';

const Z = '444444444444';

/**
 * A digit per token count 1, 2, 4, …: 4 one-shot, 5 two-shot, 0 "NCCL or not measured", which the source does not
 * tell apart, so that it becomes no row. One text per hidden size 128, 256, … 8192. Both axes are looked up by floor.
 */
const CELLS: readonly (readonly [
  capability: number,
  groupSize: number,
  pattern: TableKey['pattern'],
  texts: string,
])[] = [
  [
    90,
    2,
    'all_reduce',
    '444445555544 4444445444444 4454455545444 444454544444 444445555445 45454444444 4455444444',
  ],
  [
    90,
    2,
    'ar_add_rms',
    `${Z} 4444444444444 444455554444 444445545444 444544444444 44445444444 4444444444`,
  ],
  [
    90,
    2,
    'ar_add_rms_fp8_static',
    '444445554444 4445445445444 4444555554444 4445555454444 444554445444 44544444444 4454444444',
  ],
  [
    90,
    4,
    'all_reduce',
    '444454454544 44444555554 444454555445 444445545455 44444445455 4445555455 444455455',
  ],
  [
    90,
    4,
    'ar_add_rms',
    `${Z} 44444444444 444444544445 444444444455 44444444455 4444444445 444444445`,
  ],
  [
    90,
    4,
    'ar_add_rms_fp8_static',
    `${Z} 444445545444 444445455445 444444444455 44444444455 4444444445 444444445`,
  ],
  [
    90,
    8,
    'all_reduce',
    '44444444444 444444444455 4444444445555 444444444555 44444445555 4444445555 445555555',
  ],
  [
    90,
    8,
    'ar_add_rms',
    '44444444444 44444444445 444444444455 444444444555 44444444055 4444444 444444',
  ],
  [
    90,
    8,
    'ar_add_rms_fp8_static',
    '44444444444 444444444455 4444444445555 444444444555 44444444455 4444444055 444444005',
  ],
];

const KERNELS: Readonly<Record<string, readonly string[]>> = {
  4: ['@arfuse/flashinfer/one-shot'],
  5: ['@arfuse/flashinfer/two-shot'],
};

/** Runs of one digit as token ranges; the last digit of a text holds for its own power of two only up to the next. */
function runs(text: string): { digit: string; min: number; max: number }[] {
  const found: { digit: string; min: number; max: number }[] = [];
  for (const [at, digit] of [...text].entries()) {
    const last = found.at(-1);
    const max = 2 ** (at + 1) - 1;
    if (last?.digit === digit) last.max = max;
    else found.push({ digit, min: 2 ** at, max });
  }
  return found;
}

function facts([capability, groupSize, pattern, texts]: (typeof CELLS)[number]): LimitFacts[] {
  return texts.split(' ').flatMap((text, at) => {
    const floor = 128 * 2 ** at;
    return runs(text).flatMap(({ digit, min, max }) => {
      const kernels = KERNELS[digit];
      if (!kernels) return [];
      return [
        {
          capability,
          groupSize,
          patterns: [pattern],
          kernels,
          unit: 'tokens' as const,
          min,
          max,
          // The largest row of the source is used for every hidden size above it too; that is not repeated here.
          hidden: [floor, 2 * floor - 1] as const,
          citation: CITATION,
        },
      ];
    });
  });
}

/** TensorRT-LLM's AUTO heuristic for compute capability 9.0 as token ranges. */
export const tensorrtLlm: ReturnType<typeof limitsTable> = limitsTable(
  'tensorrt-llm-005b299b',
  'TensorRT-LLM @ 005b299b: AUTO strategy, compute capability 9.0',
  'NVIDIA/TensorRT-LLM @ 005b299b, repository copy, read and not run',
  CELLS.flatMap(facts),
);
