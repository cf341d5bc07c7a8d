import {
  admission,
  formatStages,
  type Kernel,
  type NumericsRecord,
  type StepRequest,
} from '@arfuse/contract';

/** Why a run is not the all-reduce alone, or undefined. */
export function onlyAllReduce(request: StepRequest): string | undefined {
  const { stages } = request;
  return stages.length === 1 && stages[0]!.kind === 'all_reduce'
    ? undefined
    : `performs an all-reduce alone, not ${formatStages(stages)}.`;
}

/** Two summands have one order and one rounding; beyond that NCCL's ring rounds at every hop. */
function ringNumerics(size: number): Partial<NumericsRecord> {
  return size <= 2
    ? {
        accumulate: 'f32',
        reduceOrder: 'rank',
        hopRounding: false,
        allReduceRounded: true,
        geometryInvariant: true,
      }
    : {
        accumulate: 'io',
        reduceOrder: 'ring',
        hopRounding: true,
        allReduceRounded: true,
        geometryInvariant: false,
      };
}

/** `ncclAllReduce`: every group, every dtype, any number of nodes. */
export const allReduce: Kernel = {
  id: '@arfuse/nccl/all-reduce',
  title: 'NCCL all-reduce',
  collective: true,
  complexity: 0,
  admit: (request) => admission([onlyAllReduce(request)]),
  offer: (request) => ({ params: {}, numerics: ringNumerics(request.group.size) }),
  // NCCL keeps its own buffers with the communicator.
  workspace: () => ({ bytes: 0 }),
};
