import { type Backend, UsageError } from '@arfuse/contract';
import manifest from '../package.json' with { type: 'json' };
import { allReduce } from './all-reduce.ts';
import { allReduceSymmetric } from './all-reduce-symmetric.ts';
import { openNcclKernels } from './execute.ts';

/** Settings of the backend. */
export interface NcclSettings {
  /** Leave out the kernels that need registered symmetric windows. Default: false. */
  readonly withoutWindows?: boolean;
  /** Milliseconds that NCCL may take to connect the ranks. Default: 60,000. */
  readonly openTimeoutMs?: number;
}

const LONGEST_MS = 2 ** 31 - 1;

/**
 * NCCL as a backend: `@arfuse/nccl/all-reduce` for any group, `@arfuse/nccl/all-reduce-symmetric` over symmetric
 * windows on one NVLink node. Both perform the all-reduce alone. Planning loads nothing; `open` finds NCCL 2.28 or newer and
 * launches through `@arfuse/native`.
 * @throws UsageError for a time limit that is no whole number of milliseconds
 */
export function createNccl(settings: NcclSettings = {}): Backend {
  const { openTimeoutMs = 60_000 } = settings;
  if (!Number.isInteger(openTimeoutMs) || openTimeoutMs < 1 || openTimeoutMs > LONGEST_MS) {
    throw new UsageError({
      message: `createNccl: openTimeoutMs is ${String(openTimeoutMs)}.`,
      hint: `Use a whole number of milliseconds from 1 to ${LONGEST_MS}.`,
      details: { openTimeoutMs },
    });
  }
  return {
    specificationVersion: 1,
    name: '@arfuse/nccl',
    version: manifest.version,
    kernels: settings.withoutWindows ? [allReduce] : [allReduce, allReduceSymmetric],
    open: (context) => openNcclKernels(context, { openTimeoutMs }),
  };
}

/** {@link createNccl} with the default settings. */
export const nccl = (): Backend => createNccl();
