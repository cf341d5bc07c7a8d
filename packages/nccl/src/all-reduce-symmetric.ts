import {
  admission,
  itemsize,
  type Kernel,
  libraryVersionAtLeast,
  type StepRequest,
} from '@arfuse/contract';
import { onlyAllReduce } from './all-reduce.ts';

/** Windows came with 2.27; what executes plans uses no release before 2.28. */
const FLOOR = '2.28';

/** Device barriers of windows look at the communicator's abort flag since this release (`lsa_barrier__funcs.h`). */
const RELEASES_WINDOWS = '2.29.7';

/**
 * Whether NCCL's kernels over symmetric windows end when a rank does not come and the others give up. Before 2.29.7 they do not: the
 * process has to end.
 * @param version - NCCL's, as `2.28.9`
 */
export const releasesWindows = (version: string): boolean =>
  libraryVersionAtLeast(version, RELEASES_WINDOWS);

/** What an error says of kernels that do not end; undefined where they do. */
export const cannotRelease = (version: string): string | undefined =>
  releasesWindows(version)
    ? undefined
    : `NCCL ${version} does not end kernels over symmetric windows that wait; ${RELEASES_WINDOWS} does, and createNccl({ withoutWindows: true }) plans without them.`;

function refusals({ group, target }: StepRequest): (string | false)[] {
  const { nccl } = target.libraries;
  return [
    nccl !== undefined &&
      !libraryVersionAtLeast(nccl, FLOOR) &&
      `needs NCCL ≥ ${FLOOR} for symmetric windows; the target has ${nccl}.`,
    group.nodes > 1 &&
      `reads its peers' memory, which needs one node; the group spans ${group.nodes}.`,
    !target.interconnect.startsWith('nvlink') &&
      `needs NVLink between all its GPUs; the target's interconnect is ${target.interconnect}.`,
  ];
}

/**
 * `ncclAllReduce` between buffers that are registered as symmetric windows. Sums in f32; a chunk's first summand
 * depends on the rank that owns it.
 */
export const allReduceSymmetric: Kernel = {
  id: '@arfuse/nccl/all-reduce-symmetric',
  title: 'NCCL all-reduce over symmetric windows',
  collective: true,
  complexity: 1,
  admit: (request) => admission([onlyAllReduce(request), ...refusals(request)]),
  offer: ({ group }) => ({
    params: {},
    numerics: {
      accumulate: 'f32',
      reduceOrder: group.size <= 2 ? 'rank' : 'ring',
      hopRounding: false,
      allReduceRounded: true,
      geometryInvariant: group.size <= 2,
    },
  }),
  // One window that the result overwrites.
  workspace: ({ rows, hidden, dtype }) => ({ bytes: rows.max * hidden * itemsize(dtype) }),
};
