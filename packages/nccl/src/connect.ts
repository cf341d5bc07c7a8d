import { setTimeout } from 'node:timers/promises';
import {
  ArfuseError,
  type ExecutionContext,
  itemsize,
  NativeError,
  type StepDemand,
} from '@arfuse/contract';
import type {
  NativeNcclCommunicator,
  NativeNcclLibrary,
  NativeNcclRehearsal,
} from '@arfuse/native';
import { atAllRanks, requireOneVersion, tell } from './at-all-ranks.ts';

const SYMMETRIC = '@arfuse/nccl/all-reduce-symmetric';

/** Whether a step runs over the window. */
export const isWindowed = ({ kernel }: Pick<StepDemand, 'kernel'>): boolean => kernel === SYMMETRIC;

/** Bytes of the window for the largest launch over it; 0 when the plan has none. */
export function windowBytes(demands: readonly StepDemand[]): number {
  return Math.max(
    0,
    ...demands
      .filter(isWindowed)
      .map(({ rows, hidden, dtype }) => rows.max * hidden * itemsize(dtype)),
  );
}

/** The smallest and the largest launch of each kernel and dtype, since NCCL chooses its algorithm by size. */
export function rehearsals(demands: readonly StepDemand[]): NativeNcclRehearsal[] {
  const counts = new Map<string, NativeNcclRehearsal[]>();
  for (const demand of demands) {
    const { dtype, hidden, rows } = demand;
    const windowed = isWindowed(demand);
    const key = `${dtype} ${windowed}`;
    const known = counts.get(key) ?? [];
    for (const count of [rows.min, rows.max])
      known.push({ dtype: dtype as NativeNcclRehearsal['dtype'], count: count * hidden, windowed });
    counts.set(key, known);
  }
  return [...counts.values()].flatMap((of) => {
    const sorted = of.toSorted((a, b) => a.count - b.count);
    const [least, most] = [sorted[0]!, sorted.at(-1)!];
    return least.count === most.count ? [least] : [least, most];
  });
}

/** Milliseconds between two looks at what a thread does. */
const PAUSE_MS = 2;

/**
 * Waits until something is so.
 * @returns false when the time has passed first
 */
export async function waitFor(holds: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() >= deadline) return false;
    await setTimeout(PAUSE_MS);
  }
  return true;
}

function ncclError(error: unknown, rank: number): ArfuseError {
  if (ArfuseError.isInstance(error)) return error;
  const { message, code } = error as Error & { code?: string };
  return new NativeError({
    message: `NCCL does not connect rank ${rank}: ${message}.`,
    hint: 'NCCL_DEBUG=INFO makes NCCL print what it does; NCCL_SOCKET_IFNAME names the network interface.',
    details: { rank, ...(code === undefined ? {} : { code }) },
    cause: error,
  });
}

/** What one rank connects by. */
export interface Connection {
  readonly context: ExecutionContext;
  readonly library: NativeNcclLibrary;
  readonly communicator: NativeNcclCommunicator;
  /** Milliseconds that NCCL may take. */
  readonly timeoutMs: number;
}

/**
 * Connects the ranks: rank 0 asks NCCL for an id and gives it to all, all open their communicators, and perform the smallest
 * and the largest all-reduce of each kind once.
 * @throws NativeError at every rank when it fails at one; AgreementError for different releases
 */
export async function connect(connection: Connection): Promise<void> {
  const { context, library, communicator, timeoutMs } = connection;
  const { rank, size, demands } = context;
  const made = await atAllRanks(context, 'asking NCCL for an id', () => {
    try {
      return rank === 0 ? library.uniqueId() : undefined;
    } catch (error) {
      throw ncclError(error, rank);
    }
  });
  const { version } = library;
  const told = await tell(context, {
    version,
    ...(made ? { id: Buffer.from(made).toString('base64') } : {}),
  });
  requireOneVersion(told);
  const id = new Uint8Array(Buffer.from(told[0]?.id ?? '', 'base64'));
  try {
    await atAllRanks(context, 'connecting by NCCL', async () => {
      try {
        communicator.open({
          id,
          rank,
          size,
          windowBytes: windowBytes(demands),
          rehearsals: rehearsals(demands),
        });
        if (await waitFor(() => communicator.ready(), timeoutMs)) return;
      } catch (error) {
        throw ncclError(error, rank);
      }
      throw new NativeError({
        message: `NCCL has not connected rank ${rank} within ${timeoutMs / 1000} s.`,
        hint: 'NCCL_DEBUG=INFO makes NCCL print what it waits for; createNccl({ openTimeoutMs }) gives it more time.',
        details: { rank, timeoutMs },
      });
    });
  } catch (error) {
    communicator.abort();
    throw error;
  }
}
