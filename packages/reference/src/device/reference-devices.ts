import {
  type Device,
  type DeviceStream,
  type PinnedMemory,
  UnsupportedError,
} from '@arfuse/contract';
import { Meetings } from './collective.ts';
import { type Intercept, SimulatedKernels } from './kernels.ts';
import { LinkedMeetings, type RankLink } from './linked-meetings.ts';
import { AddressSpace, type ReferenceMemory } from './memory.ts';
import { Multiprocessors } from './multiprocessors.ts';
import { ReferenceEvent, ReferenceStream } from './stream.ts';

/** How reference devices behave. */
export interface ReferenceDeviceOptions {
  /** Says what becomes of each run of a kernel; for tests of what must not go unnoticed. */
  readonly intercept?: Intercept;
  /** Facts that ranks compare before the first launch. */
  readonly facts?: (rank: number) => Readonly<Record<string, string>>;
  /**
   * How many ranks share a device; default 1. Beside a kernel that waits for other ranks, other kernels of a shared device find
   * no room: ranks whose streams are not joined before they meet wait for ever, as they may on a GPU.
   */
  readonly ranksPerDevice?: number;
}

function shareBytes({ address }: { readonly address: bigint }): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(address);
  return bytes;
}

/** Makes the devices of ranks that meet at one place. */
function deviceMaker(
  meetings: Meetings,
  { intercept = () => 'run', facts = () => ({}), ranksPerDevice = 1 }: ReferenceDeviceOptions,
): (rank: number) => Device {
  const space = new AddressSpace();
  const shared = new Map<number, Multiprocessors>();
  const multiprocessors = (ordinal: number): Multiprocessors | undefined => {
    if (ranksPerDevice === 1) return undefined;
    const known = shared.get(ordinal) ?? new Multiprocessors();
    shared.set(ordinal, known);
    return known;
  };
  const pinned = (bytes: number): PinnedMemory => {
    const memory = space.allocate(bytes);
    const array = memory.data.fill(0);
    return { array, address: memory.address, close: () => memory.close() };
  };
  return (rank) => {
    const ordinal = Math.floor(rank / ranksPerDevice);
    return {
      kind: 'reference',
      ordinal,
      facts: { device: 'reference', ...facts(rank) },
      open: (backend, context) =>
        Promise.resolve(
          new SimulatedKernels(backend, context, meetings, intercept, multiprocessors(ordinal)),
        ),
      allocate: (bytes) => space.allocate(bytes),
      view: (address, bytes) => space.view(address, bytes),
      pinned,
      createStream: () => new ReferenceStream(),
      viewStream: (handle): DeviceStream => {
        throw new UnsupportedError({
          message: `a reference device has no stream 0x${handle.toString(16)} of another part of the process.`,
          hint: 'Use createStream().',
        });
      },
      createEvent: () => new ReferenceEvent(),
      share: (memory) => shareBytes(memory as ReferenceMemory),
      map: (bytes, count) => space.view(Buffer.from(bytes).readBigUInt64BE(), count),
      load: () => {},
      abandon: () => {},
    };
  };
}

/**
 * Devices for the ranks of one group within this thread, by rank, which simulate every kernel on the CPU with its own rounding
 * points: what a plan does, what a watchdog sees of a rank that does not come, and how ranks recover, can be tried without a GPU.
 */
export function referenceDevices(
  ranks: number,
  options: ReferenceDeviceOptions = {},
): readonly Device[] {
  const make = deviceMaker(new Meetings(ranks), options);
  return Array.from({ length: ranks }, (_, rank) => make(rank));
}

/**
 * Device of one rank whose peers are in other threads or processes: kernels give each other their partials by notices of the
 * group, so each launch of all ranks has to fit into its `maxMessageBytes`. Memory of other ranks cannot be mapped.
 */
export function referenceDevice(link: RankLink, options: ReferenceDeviceOptions = {}): Device {
  return deviceMaker(new LinkedMeetings(link), options)(link.rank);
}
