import type { Backend } from '@arfuse/contract';
import manifest from '../package.json' with { type: 'json' };
import { allReduce } from './all-reduce.ts';
import { allReduceSymmetric } from './all-reduce-symmetric.ts';

/** Settings of the backend. */
export interface NcclSettings {
  /** Leave out the kernels that need registered symmetric windows. Default: false. */
  readonly withoutWindows?: boolean;
}

/**
 * NCCL as a backend: `@arfuse/nccl/all-reduce` for any group, `@arfuse/nccl/all-reduce-symmetric` over symmetric
 * windows on one NVLink node. Both perform the all-reduce alone. Plan-only: nothing is loaded or launched.
 */
export function createNccl(settings: NcclSettings = {}): Backend {
  return {
    specificationVersion: 1,
    name: '@arfuse/nccl',
    version: manifest.version,
    kernels: settings.withoutWindows ? [allReduce] : [allReduce, allReduceSymmetric],
  };
}

/** {@link createNccl} with the default settings. */
export const nccl = (): Backend => createNccl();
