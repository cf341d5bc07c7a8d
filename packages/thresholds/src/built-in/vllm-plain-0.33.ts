import { KiB, type LimitFacts, limitsTable, MiB } from './build.ts';

const FILE = 'vllm 0.33.0: vllm/distributed/device_communicators/all_reduce_utils.py';

const CUSTOM_ALONE =
  'vllm 0.33.0: vllm/distributed/device_communicators/custom_all_reduce.py:138, 237-251';

type Sizes = Readonly<Record<number, number>>;

const CUSTOM_MAX = 8 * MiB;

/** Exclusive. The rows by group size bound it only where vLLM's symmetric memory works, which needs multicast. */
function custom(capability: number, lines: string, bytesBySize: Sizes): LimitFacts[] {
  return Object.entries(bytesBySize).flatMap(([size, bytes]) =>
    [true, false].map(
      (multicast): LimitFacts => ({
        capability,
        groupSize: Number(size),
        patterns: ['all_reduce'],
        kernels: ['vllm/custom-all-reduce'],
        max: multicast ? Math.min(bytes, CUSTOM_MAX) : CUSTOM_MAX,
        maxInclusive: false,
        multicast,
        citation: multicast ? `${FILE}:${lines}` : CUSTOM_ALONE,
      }),
    ),
  );
}

function symmetric(capability: number, lines: string, mibBySize: Sizes): LimitFacts[] {
  return Object.entries(mibBySize).map(([size, mib]) => {
    const groupSize = Number(size);
    const multimem = groupSize >= 6 || (groupSize === 4 && capability === 90);
    return {
      capability,
      groupSize,
      patterns: ['all_reduce'],
      kernels: [multimem ? 'torch/multimem' : 'torch/two_shot'],
      max: mib * MiB,
      dtypes: ['bf16'],
      multicast: true,
      citation: `${FILE}:${lines}; symm_mem.py:26-31, 106 (form)`,
    };
  });
}

/** Which plain all-reduce vLLM 0.33.0 allows up to which size; its dispatch order is not part of a limit. */
export const vllmPlain033: ReturnType<typeof limitsTable> = limitsTable(
  'vllm-plain-0.33',
  'vLLM 0.33.0: plain all-reduce',
  'vllm 0.33.0, published package, read and not run',
  [
    ...custom(90, '32-37', { 2: 64 * MiB, 4: 32 * MiB, 6: 512 * KiB, 8: 256 * KiB }),
    ...custom(100, '38-43', { 2: 2 * MiB, 4: 2 * MiB, 6: MiB, 8: MiB }),
    ...custom(103, '44-55', { 2: 4 * MiB, 4: 4 * MiB, 6: 8 * MiB, 8: 4 * MiB }),
    ...custom(107, '44-55', { 2: 4 * MiB, 4: 4 * MiB, 6: 8 * MiB, 8: 4 * MiB }),
    ...symmetric(90, '59-64', { 2: 64, 4: 32, 6: 64, 8: 64 }),
    ...symmetric(100, '65-70', { 2: 8, 4: 32, 6: 128, 8: 128 }),
    ...symmetric(103, '71-82', { 2: 4, 4: 32, 6: 32, 8: 64 }),
    ...symmetric(107, '71-82', { 2: 4, 4: 32, 6: 32, 8: 64 }),
  ],
);
