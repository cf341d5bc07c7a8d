import type { ExecutionContext, KernelExecutor } from './kernel-executor.ts';
import type { DeviceMemory, PinnedMemory } from './memory.ts';
import type { DeviceEvent, DeviceStream } from './stream.ts';

/** Facts of a device that all ranks of a plan must share, by name: `device`, `capability`, `driver`, … */
export type DeviceFacts = Readonly<Record<string, string>>;

/** An accelerator that one rank drives, or what stands in for one. */
export interface Device {
  readonly kind: 'cuda' | 'reference';
  readonly ordinal: number;
  readonly facts: DeviceFacts;
  /** What kernels of arfuse's addon are made with: its `NativeBinding`. */
  readonly native?: unknown;
  /** A device that simulates kernels opens those of every backend itself. */
  readonly open?: (backend: string, context: ExecutionContext) => Promise<KernelExecutor>;
  allocate(bytes: number): DeviceMemory;
  /** Memory that another part of the process owns. */
  view(address: bigint, bytes: number): DeviceMemory;
  pinned(bytes: number): PinnedMemory;
  createStream(): DeviceStream;
  /** A stream that another part of the process owns, by its handle. */
  viewStream(handle: bigint): DeviceStream;
  createEvent(): DeviceEvent;
  /** What another rank needs to map memory of this device, as bytes of a fixed number. */
  share(memory: DeviceMemory): Uint8Array;
  /** Maps what another rank shared. */
  map(shared: Uint8Array, bytes: number): DeviceMemory;
  /** Loads every kernel: a first launch would wait behind a kernel that spins. */
  load(): void;
  /**
   * Its kernels do not end although they were released: from now on `close()` of its memory and graphs frees nothing, since
   * that would wait for them. The end of the process ends them and frees all.
   */
  abandon(): void;
}
