import type { DeviceStream, PinnedMemory } from '@arfuse/contract';
import { type ArfuseError, DeviceError, type KernelExecutor } from '@arfuse/contract';
import type { Channel, Group } from '../group/group.ts';
import { LONGEST_MS } from '../group/options.ts';
import { type Clock, until } from './clock.ts';
import { deviceError } from './failures.ts';
import { decodeRelease, encodeRelease, heldError, type Release } from './held.ts';
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

/** Frees this rank's kernels until the stream is idle or the clock says `by`. Calls nothing that waits for the device. */
async function freeStream(parts: RecoveryParts, by: number): Promise<Release> {
  const { abort, stream, kernels, clock } = parts;
  setAbort(abort, 1);
  const free = (): void => {
    for (const executor of kernels) executor.release();
  };
  free();
  if (await until(() => stream.idle(), clock, by, free)) return { held: false };
  const reasons = new Set(kernels.flatMap(({ cannotRelease }) => cannotRelease ?? []));
  return { held: true, ...(reasons.size > 0 ? { reason: [...reasons].join(' ') } : {}) };
}

/**
 * Frees this rank's kernels where the other ranks cannot be waited for: its device need not spin on.
 * @returns what the rank reports
 */
export async function freeAlone(
  parts: RecoveryParts,
  by: number,
  because: ArfuseError,
): Promise<ArfuseError> {
  const release = await freeStream(parts, by);
  if (!release.held) return because;
  return heldError(new Map([[parts.group.rank, release]]), because, parts.recoveryMs);
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
 * @param freeBy - when kernels that are released now have to have ended
 * @returns what step() and sync() report at every rank; afterwards the ranks can go on
 * @throws what ends the executor: a rank that does not answer, or kernels that do not end
 */
export async function recoverTogether(
  parts: RecoveryParts,
  freeBy: () => number,
): Promise<ArfuseError> {
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
    throw await freeAlone(parts, freeBy(), deviceError(error));
  }
  const fault = stuckError(stuck, names, deadlineMs);
  // A rank whose kernels are held comes when its time is over, and still has to be heard.
  const releases = await channel.exchange(encodeRelease(await freeStream(parts, freeBy())), {
    timeoutMs: Math.min(2 * recoveryMs, LONGEST_MS),
  });
  const said = new Map(releases.map((message, rank) => [rank, decodeRelease(message)]));
  if ([...said.values()].some(({ held }) => held)) throw heldError(said, fault, recoveryMs);
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
  return fault;
}
