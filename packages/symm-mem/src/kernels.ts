import {
  admission,
  formatStages,
  itemsize,
  type Kernel,
  type NumericsRecord,
  type StepRequest,
} from '@arfuse/contract';
import { workspaceBytes } from './workspace.ts';

/** Threads move 16 bytes at a time. */
const VECTOR_BYTES = 16;

const GROUP_SIZES: readonly number[] = [2, 4, 6, 8];

const tensorBytes = ({ rows, hidden, dtype }: StepRequest): number =>
  rows.max * hidden * itemsize(dtype);

function commonRefusals(request: StepRequest): (string | false)[] {
  const { stages, group, target, dtype, hidden } = request;
  const alone = stages.length === 1 && stages[0]!.kind === 'all_reduce';
  const row = hidden * itemsize(dtype);
  return [
    !alone && `performs an all-reduce alone, not ${formatStages(stages)}.`,
    group.nodes > 1 &&
      `reaches its peers' memory, which needs one node; the group spans ${group.nodes}.`,
    !GROUP_SIZES.includes(group.size) &&
      `is built for groups of ${GROUP_SIZES.join(', ')}; this one has ${group.size} ranks.`,
    target.interconnect === 'none' &&
      "needs peer access between GPUs; the target's interconnect is none.",
    target.capability < 80 &&
      `needs compute capability 8.0 or newer; the target has ${target.capability / 10}.`,
    row % VECTOR_BYTES !== 0 &&
      `moves 16 bytes at a time; a row of ${hidden} ${dtype} elements has ${row} bytes.`,
  ];
}

interface Variant {
  readonly name: string;
  readonly title: string;
  readonly numerics: Partial<NumericsRecord>;
  /** Bytes that each rank keeps. */
  workspace(request: StepRequest): number;
  refusals(request: StepRequest): (string | false)[];
}

const RANK_ORDER: Partial<NumericsRecord> = {
  accumulate: 'f32',
  reduceOrder: 'rank',
  hopRounding: false,
  allReduceRounded: true,
  geometryInvariant: true,
};

const VARIANTS: readonly Variant[] = [
  {
    name: 'one-shot',
    title: 'symmetric-memory all-reduce, every rank stores its tensor at all peers',
    numerics: RANK_ORDER,
    workspace: (request) =>
      workspaceBytes({
        size: request.group.size,
        oneShotBytes: tensorBytes(request),
        twoShotBytes: 0,
      }),
    refusals: () => [],
  },
  {
    name: 'two-shot',
    title: 'symmetric-memory all-reduce, reduce-scatter then all-gather',
    numerics: RANK_ORDER,
    workspace: (request) =>
      workspaceBytes({
        size: request.group.size,
        oneShotBytes: 0,
        twoShotBytes: tensorBytes(request),
      }),
    refusals: () => [],
  },
  {
    name: 'multimem',
    title: 'all-reduce by NVLink multicast',
    // The switch adds; its order is not documented, and slices depend on the message size.
    numerics: { ...RANK_ORDER, reduceOrder: 'unspecified', geometryInvariant: false },
    workspace: tensorBytes,
    refusals: ({ target, group, dtype }) => [
      dtype === 'f16' && 'adds bf16 and f32; the activations are f16.',
      !target.multicast &&
        'needs NVLink multicast, which the target does not allow (multicast=off).',
      target.interconnect !== 'nvlink-switch' &&
        `needs an NVLink switch; the target's interconnect is ${target.interconnect}.`,
      group.size <= 2 && `needs more than 2 ranks; this group has ${group.size}.`,
      target.capability < 90 &&
        `needs compute capability 9.0 or newer; the target has ${target.capability / 10}.`,
    ],
  },
];

export function symmMemKernels(maxBufferBytes: number): Kernel[] {
  return VARIANTS.map((variant) => ({
    id: `@arfuse/symm-mem/${variant.name}`,
    title: variant.title,
    collective: true,
    complexity: 2,
    admit: (request) => {
      const bytes = variant.workspace(request);
      return admission([
        ...commonRefusals(request),
        ...variant.refusals(request),
        bytes > maxBufferBytes &&
          `keeps ${bytes} bytes at each rank for ${request.rows.max} rows; the limit is ${maxBufferBytes}.`,
      ]);
    },
    offer: () => ({ params: {}, numerics: variant.numerics }),
    workspace: (request) => ({ bytes: variant.workspace(request) }),
  }));
}
