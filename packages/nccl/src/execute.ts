import {
  type BoundStep,
  type DeviceLaunch,
  type ExecutionContext,
  type KernelExecutor,
  NativeError,
  UnsupportedError,
} from '@arfuse/contract';
import { cannotRelease } from './all-reduce-symmetric.ts';
import { atAllRanks } from './at-all-ranks.ts';
import { connect, isWindowed, waitFor } from './connect.ts';

/** How kernels are opened. */
export interface NcclExecution {
  /** Milliseconds that NCCL may take to connect the ranks. */
  readonly openTimeoutMs: number;
}

/** Milliseconds that NCCL may take to free what it holds; afterwards it is left to the end of the process. */
const CLOSE_MS = 10_000;

/** Refuses what NCCL would refuse later, or with less to go by. */
function checkContext({ ranksPerDevice, demands }: ExecutionContext): void {
  if (process.env.NCCL_COMM_BLOCKING === '0') {
    throw new NativeError({
      message: 'NCCL_COMM_BLOCKING=0 makes NCCL launch from threads of its own, behind the stream.',
      hint: 'Unset it.',
    });
  }
  if (ranksPerDevice === 1) return;
  const details = { ranksPerDevice };
  if (demands.some(isWindowed)) {
    throw new UnsupportedError({
      message: `symmetric windows need a GPU for each rank; ${ranksPerDevice} ranks share one.`,
      hint: 'Plan with createNccl({ withoutWindows: true }).',
      details,
    });
  }
  if ((process.env.NCCL_HOSTID ?? '') === '') {
    throw new UnsupportedError({
      message: `NCCL takes one rank per GPU of a host; ${ranksPerDevice} ranks share one.`,
      hint: 'For a test, start one process per rank, each with an NCCL_HOSTID of its own: to NCCL they are several hosts.',
      details,
    });
  }
}

/**
 * Opens `all-reduce` and `all-reduce-symmetric` on one rank: finds NCCL, connects the ranks, and registers a window for the
 * largest launch that needs one.
 * @throws NativeError at every rank when NCCL is missing, too old or does not connect at one; AgreementError for different
 * releases; UnsupportedError for ranks that share a GPU
 */
export async function openNcclKernels(
  context: ExecutionContext,
  { openTimeoutMs: timeoutMs }: NcclExecution,
): Promise<KernelExecutor> {
  const { device, rank } = context;
  const { cudaBinding, openNccl } = await import('@arfuse/native');
  const { binding, library } = await atAllRanks(context, 'opening NCCL', () => {
    checkContext(context);
    const found = cudaBinding(device);
    return { binding: found, library: openNccl({ binding: found }).library };
  });
  const communicator = new binding.NcclCommunicator(library, device.ordinal);
  const connection = { context, library, communicator, timeoutMs };
  await connect(connection);
  const held = context.demands.some(isWindowed) ? cannotRelease(library.version) : undefined;
  return {
    libraries: { nccl: library.version },
    recaptures: true,
    ...(held === undefined ? {} : { cannotRelease: held }),
    prepare(step: BoundStep): DeviceLaunch {
      const { dtype, hidden, rows, inputs, results, carry } = step;
      return binding.prepareAllReduce(device.ordinal, {
        communicator,
        dtype: dtype as 'bf16' | 'f16' | 'f32',
        rows: rows.max,
        hidden,
        input: inputs[0]!,
        output: (results.all_reduce ?? carry)!,
        windowed: isWindowed(step),
      });
    },
    release() {
      const failure = communicator.failure();
      if (failure !== null)
        process.emitWarning(`rank ${rank}: ${failure}`, {
          type: 'NcclWarning',
          code: 'ARFUSE_NATIVE',
        });
      communicator.abort();
    },
    async reset() {
      communicator.abort();
      await connect(connection);
    },
    async close() {
      communicator.close();
      await waitFor(() => communicator.closed(), CLOSE_MS);
    },
  };
}
