import {
  admission,
  type Backend,
  formatStages,
  type Kernel,
  type StepRequest,
} from '@arfuse/contract';

const RUNS = new Set(['all_reduce → norm', 'all_reduce → residual → norm']);
const MOST_ROWS = 512;

/** Every rank reads the rows of all others and normalises them: one launch, no second phase. */
const oneShot: Kernel = {
  id: '@acme/fast/one-shot',
  title: 'one-shot all-reduce, residual and RMSNorm over peer memory',
  collective: true,
  complexity: 3,

  admit({ stages, dtype, group, hidden, rows, target }: StepRequest) {
    const run = formatStages(stages);
    const scaled = stages.some((stage) => stage.kind === 'residual' && stage.factor !== null);
    return admission([
      !RUNS.has(run) && `The run "${run}" is not all_reduce → [residual →] norm.`,
      scaled && 'The residual is scaled; the kernel adds it as it is.',
      dtype !== 'bf16' && `The activations are ${dtype}; the kernel reads bf16.`,
      target.capability !== 90 &&
        `The GPU has compute capability ${target.capability / 10}; the kernel is built for Hopper (9).`,
      group.nodes > 1 && `The group spans ${group.nodes} nodes; peer memory reaches one.`,
      ![2, 4, 8].includes(group.size) && `The group has ${group.size} ranks; 2, 4 and 8 are built.`,
      hidden % 8 !== 0 && `The hidden size ${hidden} is no multiple of 8.`,
      rows.max > MOST_ROWS &&
        `Launches have up to ${rows.max} rows; the buffers hold ${MOST_ROWS}.`,
    ]);
  },

  offer({ stages }) {
    const norm = stages.find((stage) => stage.kind === 'norm');
    return {
      params: { blocks: 132 },
      numerics: {
        accumulate: 'f32',
        reduceOrder: 'rank',
        hopRounding: false,
        allReduceRounded: true,
        normInput: 'rounded',
        weightMultiply: 'after',
        weightBias: norm?.kind === 'norm' ? norm.weightBias : 0,
        weightDtype: norm?.kind === 'norm' ? norm.weightDtype : null,
        nan: 'propagate',
        geometryInvariant: true,
      },
    };
  },

  workspace({ rows, hidden, group }) {
    return { bytes: 2 * group.size * rows.max * hidden * 2 };
  },
};

export function acme(): Backend {
  return { specificationVersion: 1, name: '@acme/fast', version: '1.0.0', kernels: [oneShot] };
}
