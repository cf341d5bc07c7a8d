import {
  type Device,
  type DeviceStream,
  type PinnedMemory,
  UnsupportedError,
} from '@arfuse/contract';
import { Meetings } from './collective.ts';
import { type Intercept, SimulatedKernels } from './kernels.ts';
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

/**
 * Devices for the ranks of one group within this thread, which simulate every kernel on the CPU with its own rounding points:
 * what a plan does, what a watchdog sees of a rank that does not come, and how ranks recover, can be tried without a GPU.
 */
export function referenceDevices(
  ranks: number,
  { intercept = () => 'run', facts = () => ({}), ranksPerDevice = 1 }: ReferenceDeviceOptions = {},
): readonly Device[] {
  const space = new AddressSpace();
  const meetings = new Meetings(ranks);
  const pinned = (bytes: number): PinnedMemory => {
    const memory = space.allocate(bytes);
    const array = memory.data.fill(0);
    return { array, address: memory.address, close: () => memory.close() };
  };
  const shared =
    ranksPerDevice === 1
      ? []
      : Array.from({ length: Math.ceil(ranks / ranksPerDevice) }, () => new Multiprocessors());
  return Array.from({ length: ranks }, (_, rank): Device => {
    const ordinal = Math.floor(rank / ranksPerDevice);
    return {
      kind: 'reference',
      ordinal,
      facts: { device: 'reference', ...facts(rank) },
      open: (backend, context) =>
        Promise.resolve(
          new SimulatedKernels(backend, context, meetings, intercept, shared[ordinal]),
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
      map: (shared, bytes) => space.view(Buffer.from(shared).readBigUInt64BE(), bytes),
      load: () => {},
    };
  });
}
