import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { UsageError } from '@arfuse/contract';
import { Coordinator } from './group/coordinator.ts';
import type { Group } from './group/group.ts';
import { Member } from './group/member.ts';
import { type GroupOptions, type GroupSettings, groupSettings } from './group/options.ts';
import type { Link } from './wire/link.ts';
import { memoryLinks } from './wire/memory-link.ts';
import { PortLink } from './wire/port-link.ts';

/** A group within this process: how many ranks it has, or which accelerator each of them drives. */
export type LocalGroupOptions = GroupOptions &
  (
    | { readonly ranks: number; readonly devices?: undefined }
    | {
        /** Ordinals of accelerators by rank, e.g. `[0, 1]`. */
        readonly devices: readonly number[];
        /** How often an ordinal may occur. Default 1; more is for tests and machines with one card. */
        readonly ranksPerDevice?: number;
        readonly ranks?: undefined;
      }
  );

/** A place in a local group, for a worker thread: send it there with `transferList: [seat.port]`. */
export interface LocalSeat {
  readonly rank: number;
  readonly size: number;
  readonly device: number;
  /** Connects to the thread that opened the seats. */
  readonly port: MessagePort;
  /** Checked options of the group. */
  readonly settings: GroupSettings;
}

const MOST_RANKS = 1024;
const OPENER = 'the thread that opened the group';

function devicesOf(options: LocalGroupOptions): readonly number[] {
  const { ranks, devices } = options;
  const most = 'ranksPerDevice' in options ? (options.ranksPerDevice ?? 1) : 1;
  const list =
    devices ??
    (Number.isInteger(ranks) ? Array.from({ length: ranks as number }, (_, rank) => rank) : []);
  const whole = list.every((device) => Number.isInteger(device) && device >= 0);
  const shared = Math.max(0, ...list.map((a) => list.filter((b) => a === b).length));
  if (list.length > 0 && list.length <= MOST_RANKS && whole && shared <= most) return list;
  const given = devices ? { devices } : { ranks };
  throw new UsageError({
    message: `a local group cannot have ${JSON.stringify(given)}.`,
    hint: `Give ranks from 1 to ${MOST_RANKS}, or devices such as [0, 1]; several ranks share one only with ranksPerDevice.`,
    details: given,
  });
}

/**
 * Opens a group whose ranks are all in this thread, with the interface of {@link openGroup} and no sockets: for tests,
 * simulation, and one process that drives several accelerators.
 * @returns one group per rank
 * @throws UsageError
 */
export async function openLocalGroup(options: LocalGroupOptions): Promise<readonly Group[]> {
  const devices = devicesOf(options);
  const size = devices.length;
  const settings = groupSettings(options, size);
  const ends = devices.map((_, rank) => memoryLinks(`rank ${rank}`, OPENER));
  new Coordinator(new Map<number, Link>(ends.map(([, there], rank) => [rank, there])));
  return ends.map(
    ([here], rank) =>
      new Member(here, {
        rank,
        size,
        device: devices[rank]!,
        settings,
        coordinatorRank: undefined,
      }),
  );
}

/**
 * Opens places for worker threads, one per rank; each worker calls {@link joinLocalGroup} with its own. This thread
 * coordinates, so it must not block. A worker that ends without `close()` is reported as lost.
 * @throws UsageError
 */
export function openLocalSeats(options: LocalGroupOptions): readonly LocalSeat[] {
  const devices = devicesOf(options);
  const size = devices.length;
  const settings = groupSettings(options, size);
  const channels = devices.map(() => new MessageChannel());
  new Coordinator(
    new Map<number, Link>(
      channels.map(({ port1 }, rank) => [rank, new PortLink(port1, `rank ${rank}`)]),
    ),
  );
  return channels.map(({ port2: port }, rank) => ({
    rank,
    size,
    device: devices[rank]!,
    port,
    settings,
  }));
}

/** Takes a place of {@link openLocalSeats} in this thread. */
export async function joinLocalGroup(seat: LocalSeat): Promise<Group> {
  const { rank, size, device, settings } = seat;
  const link = new PortLink(seat.port, OPENER);
  return new Member(link, { rank, size, device, settings, coordinatorRank: undefined });
}
