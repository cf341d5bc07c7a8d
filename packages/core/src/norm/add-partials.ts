import { admission, formatStages, type Kernel } from '@arfuse/contract';

/** `a + b` of two partial sums, or of two reduced ones, rounded to the activation dtype. */
export const addPartials: Kernel = {
  id: '@arfuse/native/add-partials',
  title: 'add two partial sums',
  collective: false,
  complexity: 1,
  admit: ({ stages }) =>
    admission([
      !(stages.length === 1 && stages[0]!.kind === 'merge') &&
        `adds two values, not ${formatStages(stages)}.`,
    ]),
  offer: () => ({ params: {}, numerics: { geometryInvariant: true } }),
  workspace: () => ({ bytes: 0 }),
};
