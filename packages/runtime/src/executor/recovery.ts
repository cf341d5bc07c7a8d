import type { DeviceStream, PinnedMemory } from '@arfuse/contract';
import { type ArfuseError, DeviceError, type KernelExecutor } from '@arfuse/contract';
import type { Channel, Group } from '../group/group.ts';
import { type Clock, until } from './clock.ts';
import {
  decodeName,
  decodeStatus,
  encodeName,
  encodeStatus,
  type LaunchName,
  type RankStatus,
  type Standstill,
  standstill,
  stuckError,
} from './status.ts';

/** What a recovery works on. */
export interface RecoveryParts {
  readonly group: Group;
  readonly channel: Channel;
  readonly stream: DeviceStream;
  readonly abort: PinnedMemory;
  readonly kernels: readonly KernelExecutor[];
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly recoveryMs: number;
  /** Where this rank stands. */
  status(): RankStatus;
  /** What it launched behind so many collectives. */
  nameAt(start: number): LaunchName | undefined;
  /** Closes graphs that resets make void. @returns captures them again */
  dropGraphs(): () => void;
}

const ABORT_BYTES = 4;

/** Tells kernels that look at the abort word to end, or to go on. */
export function setAbort(abort: PinnedMemory, value: 0 | 1): void {
  abort.array.fill(0, 0, ABORT_BYTES);
  abort.array[0] = value;
}

/**
 * Frees this rank's kernels until the stream is idle. Calls nothing that waits for the device.
 * @throws DeviceError when they do not end in time
 */
export async function freeStream(parts: RecoveryParts): Promise<void> {
  const { abort, stream, kernels, clock, recoveryMs } = parts;
  setAbort(abort, 1);
  const free = (): void => {
    for (const executor of kernels) executor.release();
  };
  free();
  if (await until(() => stream.idle(), clock, clock.now() + recoveryMs, free)) return;
  throw new DeviceError({
    message: `kernels of this rank did not end within ${recoveryMs / 1000} s after they were released.`,
    hint: 'End the process: the GPU is usable again as soon as it is gone.',
  });
}

/** Ranks that this rank's kernels wait for; undefined where they cannot tell, or do not in half the time of a recovery. */
async function awaitedRanks(parts: RecoveryParts): Promise<readonly number[] | undefined> {
  const { group, kernels, clock, recoveryMs } = parts;
  const answers = kernels.flatMap((executor) => executor.arrived?.() ?? []);
  let come: readonly number[] | undefined;
  let left = answers.length;
  for (const answer of answers)
    answer
      .then((ranks) => {
        if (ranks?.includes(group.rank) && ranks.length < group.size) come = ranks;
      })
      .catch(() => {})
      .finally(() => {
        left -= 1;
      });
  await until(() => left === 0, clock, clock.now() + recoveryMs / 2);
  const seen = come;
  return seen && [...Array(group.size).keys()].filter((rank) => !seen.includes(rank));
}

/**
 * One recovery, at all ranks together: they tell where they stand, free their kernels, and make their workspaces as new.
 * @returns what step() and sync() report at every rank; afterwards the ranks can go on
 * @throws what ends the executor: a rank that does not answer, or kernels that do not end
 */
export async function recoverTogether(parts: RecoveryParts): Promise<ArfuseError> {
  const { channel, stream, abort, kernels, clock, deadlineMs, recoveryMs } = parts;
  const limit = { timeoutMs: recoveryMs };
  let stuck: Standstill | undefined;
  let names: (LaunchName | undefined)[];
  try {
    const statuses = await channel.exchange(encodeStatus(parts.status()), limit);
    stuck = standstill(statuses.map(decodeStatus));
    const own = stuck && parts.nameAt(stuck.start);
    // Who has launched is known; where all have, the kernels know who has come.
    const awaited = own && stuck?.missing.length === 0 ? await awaitedRanks(parts) : undefined;
    const name = own && awaited ? { ...own, awaited } : own;
    names = (await channel.exchange(encodeName(name), limit)).map(decodeName);
  } catch (error) {
    // The others cannot be waited for, but this rank's device need not spin on.
    await freeStream(parts);
    throw error;
  }
  await freeStream(parts);
  await channel.barrier(limit);
  const captureAgain = parts.dropGraphs();
  for (const executor of kernels) await executor.reset();
  const idle = await until(() => stream.idle(), clock, clock.now() + recoveryMs);
  if (!idle) {
    throw new DeviceError({
      message: `the workspaces of this rank were not as new after ${recoveryMs / 1000} s.`,
      hint: 'End the process: the GPU is usable again as soon as it is gone.',
    });
  }
  captureAgain();
  setAbort(abort, 0);
  await channel.barrier(limit);
  return stuckError(stuck, names, deadlineMs);
}
