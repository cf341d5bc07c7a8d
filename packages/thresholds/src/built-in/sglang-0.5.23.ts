import { KiB, type LimitFacts, limitsTable, MiB } from './build.ts';

const FILE =
  'sglang 0.5.23: sglang/srt/distributed/device_communicators/configs/custom_all_reduce_v2.py';

/** The default workspace clips every size to this (SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB=16384). */
const CLIP = 16 * MiB;

/** Bytes up to which each kernel is taken; off (0) where it is left out. */
interface Sizes {
  readonly pushOneShot: number;
  readonly pushTwoShot?: number;
  readonly pullOneShot: number;
  /** Two-shot through NVLink multicast, where it is there: both ends inclusive. */
  readonly multicast?: readonly [min: number, max: number];
  readonly pullTwoShot: number;
}

const M = MiB;
const K = KiB;

const sizes = (
  pushOneShot: number,
  pullOneShot: number,
  pullTwoShot: number,
  multicast?: readonly [min: number, max: number],
): Sizes => ({ pushOneShot, pullOneShot, pullTwoShot, ...(multicast ? { multicast } : {}) });

const pushTwo = (found: Sizes, pushTwoShot: number): Sizes => ({ ...found, pushTwoShot });

type Row = readonly [
  capability: number,
  groupSize: number,
  lines: string,
  graph: Sizes,
  eager: Sizes,
];

const HOPPER: readonly Row[] = [
  [90, 2, '277-281', sizes(16 * M, 128 * M, 128 * M), sizes(32 * M, 128 * M, 128 * M)],
  [90, 3, '282-286', sizes(1.25 * M, 1.25 * M, 128 * M), sizes(3 * M, 3 * M, 16 * M)],
  [
    90,
    4,
    '287-291',
    sizes(384 * K, 384 * K, 128 * M),
    sizes(896 * K, 896 * K, 32 * M, [0, 32 * M]),
  ],
  [90, 5, '292-296', sizes(192 * K, 192 * K, 32 * M), sizes(384 * K, 384 * K, 32 * M, [0, 32 * M])],
  [
    90,
    6,
    '297-301',
    sizes(128 * K, 128 * K, 32 * M, [8 * M, 32 * M]),
    sizes(192 * K, 192 * K, 32 * M, [0, 32 * M]),
  ],
  [
    90,
    7,
    '302-306',
    sizes(128 * K, 128 * K, 32 * M, [M, 32 * M]),
    sizes(128 * K, 128 * K, 32 * M, [0, 32 * M]),
  ],
  [
    90,
    8,
    '307-311',
    sizes(128 * K, 128 * K, 32 * M, [0.5 * M, 128 * M]),
    sizes(128 * K, 128 * K, 128 * M, [0, 128 * M]),
  ],
];

/** One table for 10.0 and 10.3. */
const blackwell = (capability: number): Row[] => [
  [capability, 2, '161-165', sizes(8 * M, 32 * M, 128 * M), sizes(16 * M, 128 * M, 128 * M)],
  [capability, 3, '166-170', sizes(4 * M, 4 * M, 128 * M), sizes(8 * M, 8 * M, 32 * M)],
  [
    capability,
    4,
    '171-176',
    pushTwo(sizes(0.625 * M, 0.625 * M, 128 * M), 8 * M),
    pushTwo(sizes(0.625 * M, 0.625 * M, 32 * M), 8 * M),
  ],
  [
    capability,
    5,
    '177-181',
    sizes(1.5 * M, 1.5 * M, 128 * M),
    sizes(2 * M, 2 * M, 32 * M, [0, 32 * M]),
  ],
  [capability, 6, '182-186', sizes(M, M, 128 * M), sizes(1.25 * M, 1.25 * M, 64 * M, [0, 64 * M])],
  [
    capability,
    7,
    '187-191',
    sizes(0.625 * M, 0.625 * M, 128 * M),
    sizes(M, M, 64 * M, [0, 64 * M]),
  ],
  [
    capability,
    8,
    '192-197',
    pushTwo(sizes(256 * K, 256 * K, 128 * M, [8 * M, 128 * M]), 8 * M),
    pushTwo(sizes(256 * K, 256 * K, 128 * M, [0, 128 * M]), 8 * M),
  ],
  alike(capability, 16, '198-202', sizes(256 * K, 256 * K, 128 * M, [256 * K, 128 * M])),
];

/** A row whose sizes are the same in both modes. */
function alike(capability: number, groupSize: number, lines: string, found: Sizes): Row {
  return [capability, groupSize, lines, found, found];
}

/** MiB as SGLang writes them, in bytes. */
const mib = (size: number): number => Math.trunc(size * M);

const rubin = (groupSize: number, lines: string, crossover: number): Row =>
  alike(107, groupSize, lines, sizes(crossover, crossover, 128 * M, [crossover, 128 * M]));

const RUBIN: readonly Row[] = [
  alike(107, 2, '221-225', sizes(128 * M, 128 * M, 128 * M)),
  [
    107,
    3,
    '226-230',
    sizes(mib(19.625), mib(19.625), 128 * M),
    sizes(mib(39.188), mib(39.188), 128 * M),
  ],
  [
    107,
    4,
    '231-235',
    sizes(mib(6.938), mib(6.938), 128 * M),
    sizes(mib(9.812), mib(9.812), 128 * M, [mib(9.812), 128 * M]),
  ],
  rubin(5, '236-240', mib(6.938)),
  rubin(6, '241-245', mib(4.875)),
  rubin(7, '246-250', mib(3.438)),
  rubin(8, '251-255', mib(2.438)),
  rubin(16, '256-260', 832 * K),
];

/** The rungs of one row in the order in which they are asked, first match. */
function rungs(found: Sizes, multicast: boolean): [kernel: string, from: number, to: number][] {
  const { multicast: range } = found;
  return [
    ['push-one-shot', 0, found.pushOneShot],
    ['push-two-shot', 0, found.pushTwoShot ?? 0],
    ['pull-one-shot', 0, found.pullOneShot],
    ...(multicast && range
      ? ([['pull-two-shot-multicast', range[0], range[1]]] as [string, number, number][])
      : []),
    ['pull-two-shot', 0, found.pullTwoShot],
  ];
}

/** The limits of one row. Where multicast changes nothing, one set serves both. */
function v2([capability, groupSize, lines, graph, eager]: Row): LimitFacts[] {
  const made: LimitFacts[] = [];
  for (const mode of ['graph', 'eager'] as const) {
    const found = mode === 'graph' ? graph : eager;
    for (const multicast of found.multicast ? [false, true] : [null]) {
      // A later rung serves what the ones before leave: above them, or below its own start.
      let served = 0;
      for (const [kernel, from, to] of rungs(found, multicast === true)) {
        const min = Math.max(served, from);
        const max = Math.min(to, CLIP);
        if (max <= served || min >= max) continue;
        if (from > served) made.push(...gap(served, from));
        made.push(limit(kernel, min, max, min === served));
        served = max;
      }

      function gap(low: number, start: number): LimitFacts[] {
        // Multicast starts above what one-shot serves: two-shot takes what lies between.
        const max = Math.min(start, found.pullTwoShot, CLIP);
        return max > low
          ? [{ ...limit('pull-two-shot', low, max, true), maxInclusive: false }]
          : [];
      }

      function limit(kernel: string, min: number, max: number, above: boolean): LimitFacts {
        return {
          capability,
          groupSize,
          patterns: ['all_reduce'],
          kernels: [`sglang/${kernel}`],
          min,
          ...(min > 0 && above ? { minInclusive: false } : {}),
          max,
          modes: [mode],
          multicast,
          citation: `${FILE}:${lines}, clipped to 16 MiB by :147-150`,
        };
      }
    }
  }
  return made;
}

/** SGLang leaves the form to FlashInfer, so the limit names no arfuse kernel. Its call always adds a residual. */
const FUSION: readonly LimitFacts[] = [90, 100, 103, 107].flatMap((capability) =>
  [2, 4, 8].map((groupSize) => ({
    capability,
    groupSize,
    patterns: ['ar_add_rms'] as const,
    kernels: ['flashinfer/auto'],
    unit: 'tokens' as const,
    min: 1,
    max: 2048,
    citation: 'sglang 0.5.23: sglang/srt/layers/layer_boundary/residual/add_norm.py:141-158',
  })),
);

/** When SGLang 0.5.23 fuses, and its own all-reduce's limits, as clipped by its default workspace. */
export const sglang0523: ReturnType<typeof limitsTable> = limitsTable(
  'sglang-0.5.23',
  'SGLang 0.5.23: fusion gate and custom all-reduce v2',
  'sglang 0.5.23, published package, read and not run',
  [...FUSION, ...[...HOPPER, ...blackwell(100), ...blackwell(103), ...RUBIN].flatMap(v2)],
);
