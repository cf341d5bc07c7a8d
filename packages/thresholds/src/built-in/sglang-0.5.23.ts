import { KiB, type LimitFacts, limitsTable, MiB } from './build.ts';

const FILE =
  'sglang 0.5.23: sglang/srt/distributed/device_communicators/configs/custom_all_reduce_v2.py';

/** The default workspace clips every size to this (SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB=16384). */
const CLIP = 16 * MiB;

/** Kernels in the order in which they are asked, first match; the multicast kernel is left out. */
const KERNELS = ['push-one-shot', 'push-two-shot', 'pull-one-shot', 'pull-two-shot'] as const;

/** Bytes up to which each kernel is taken; the two-shot push is off (0) where it is left out. */
type Sizes = readonly [
  pushOneShot: number,
  pullOneShot: number,
  pullTwoShot: number,
  pushTwoShot?: number,
];

const M = MiB;
const K = KiB;

type Row = readonly [
  capability: number,
  groupSize: number,
  lines: string,
  graph: Sizes,
  eager: Sizes,
];

const HOPPER: readonly Row[] = [
  [90, 2, '277-281', [16 * M, 128 * M, 128 * M], [32 * M, 128 * M, 128 * M]],
  [90, 3, '282-286', [1.25 * M, 1.25 * M, 128 * M], [3 * M, 3 * M, 16 * M]],
  [90, 4, '287-291', [384 * K, 384 * K, 128 * M], [896 * K, 896 * K, 32 * M]],
  [90, 5, '292-296', [192 * K, 192 * K, 32 * M], [384 * K, 384 * K, 32 * M]],
  [90, 6, '297-301', [128 * K, 128 * K, 32 * M], [192 * K, 192 * K, 32 * M]],
  [90, 7, '302-306', [128 * K, 128 * K, 32 * M], [128 * K, 128 * K, 32 * M]],
  [90, 8, '307-311', [128 * K, 128 * K, 32 * M], [128 * K, 128 * K, 128 * M]],
];

/** One table for 10.0 and 10.3. */
const blackwell = (capability: number): Row[] => [
  [capability, 2, '161-165', [8 * M, 32 * M, 128 * M], [16 * M, 128 * M, 128 * M]],
  [capability, 3, '166-170', [4 * M, 4 * M, 128 * M], [8 * M, 8 * M, 32 * M]],
  [
    capability,
    4,
    '171-176',
    [0.625 * M, 0.625 * M, 128 * M, 8 * M],
    [0.625 * M, 0.625 * M, 32 * M, 8 * M],
  ],
  [capability, 5, '177-181', [1.5 * M, 1.5 * M, 128 * M], [2 * M, 2 * M, 32 * M]],
  [capability, 6, '182-186', [M, M, 128 * M], [1.25 * M, 1.25 * M, 64 * M]],
  [capability, 7, '187-191', [0.625 * M, 0.625 * M, 128 * M], [M, M, 64 * M]],
  [
    capability,
    8,
    '192-197',
    [256 * K, 256 * K, 128 * M, 8 * M],
    [256 * K, 256 * K, 128 * M, 8 * M],
  ],
];

function v2([capability, groupSize, lines, graph, eager]: Row): LimitFacts[] {
  const made: LimitFacts[] = [];
  for (const mode of ['graph', 'eager'] as const) {
    let min = 0;
    const [pushOne, pullOne, pullTwo, pushTwo = 0] = mode === 'graph' ? graph : eager;
    for (const [at, size] of [pushOne, pushTwo, pullOne, pullTwo].entries()) {
      const max = Math.min(size, CLIP);
      if (max <= min) continue;
      made.push({
        capability,
        groupSize,
        patterns: ['all_reduce'],
        kernels: [`sglang/${KERNELS[at]}`],
        min,
        ...(min > 0 ? { minInclusive: false } : {}),
        max,
        modes: [mode],
        multicast: false,
        citation: `${FILE}:${lines}, clipped to 16 MiB by :147-150`,
      });
      min = max;
    }
  }
  return made;
}

/** SGLang leaves the form to FlashInfer, so the limit names no arfuse kernel. */
const FUSION: readonly LimitFacts[] = [90, 100, 103].flatMap((capability) =>
  [2, 4, 8].map((groupSize) => ({
    capability,
    groupSize,
    patterns: ['ar_rms', 'ar_add_rms'] as const,
    kernels: ['flashinfer/auto'],
    unit: 'tokens' as const,
    min: 1,
    max: 2048,
    citation: 'sglang 0.5.23: sglang/srt/layers/layer_boundary/residual/add_norm.py:141-158',
  })),
);

/** When SGLang 0.5.23 fuses, and its own all-reduce's limits without multicast, as clipped by its default workspace. */
export const sglang0523: ReturnType<typeof limitsTable> = limitsTable(
  'sglang-0.5.23',
  'SGLang 0.5.23: fusion gate and custom all-reduce v2',
  'sglang 0.5.23, published package, read and not run',
  [...FUSION, ...[...HOPPER, ...blackwell(100), ...blackwell(103)].flatMap(v2)],
);
