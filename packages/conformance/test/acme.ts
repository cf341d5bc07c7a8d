import { admission, type Backend, type Kernel } from '@arfuse/contract';

/** A two-shot all-reduce + add + norm that does what it says. */
export const honest: Kernel = {
  id: '@acme/fast/two-shot',
  title: 'all-reduce, add and norm in one launch',
  collective: true,
  complexity: 3,
  admit: ({ stages, group, dtype, target }) =>
    admission([
      stages.map((stage) => stage.kind).join(' ') !== 'all_reduce residual norm' &&
        'performs all_reduce, residual, norm only.',
      target.capability !== 90 && `needs Hopper, not capability ${target.capability / 10}.`,
      (group.nodes > 1 || ![2, 4, 8].includes(group.size)) &&
        `a group of ${group.size} on ${group.nodes} nodes is not served.`,
      dtype !== 'bf16' && `needs bf16, not ${dtype}.`,
    ]),
  offer: () => ({
    params: { oneShot: false },
    numerics: {
      accumulate: 'f32',
      reduceOrder: 'rank',
      hopRounding: false,
      allReduceRounded: true,
      normInput: 'rounded',
      weightMultiply: 'before',
    },
  }),
  workspace: ({ rows, hidden }) => ({ bytes: 4 * rows.max * hidden }),
};

/** A backend with one kernel: the honest one, changed. */
export const acme = (change: Partial<Kernel> = {}): Backend => ({
  specificationVersion: 1,
  name: '@acme/fast',
  version: '1.0.0',
  kernels: [{ ...honest, ...change }],
});
