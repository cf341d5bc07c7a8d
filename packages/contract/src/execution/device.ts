import type { ExecutionContext, KernelExecutor } from './kernel-executor.ts';

/** Memory of one device, or a view of another's. */
export interface DeviceMemory {
  readonly bytes: number;
  /** Where kernels of this device find it. */
  readonly address: bigint;
  /** Frees it, or ends the view. */
  close(): void;
}

/** A place in device memory; the offset is in bytes, a multiple of 16. */
export interface DevicePlace {
  readonly memory: DeviceMemory;
  readonly offset: number;
}

/** Host memory that copies do not stage and that kernels reach. */
export interface PinnedMemory {
  readonly array: Uint8Array;
  readonly address: bigint;
  close(): void;
}

/** A point of a stream. */
export interface DeviceEvent {
  /** Whether the device has come to it; an event that was never recorded is passed. Waits for nothing. */
  passed(): boolean;
  /** Milliseconds of the device's own clock from an earlier event to this one; both must have been passed. */
  elapsed(from: DeviceEvent): number;
  /** Frees it; what has recorded or waits for it is not disturbed. */
  close(): void;
}

/** A captured sequence of launches. */
export interface DeviceGraph {
  close(): void;
}

/** A kernel whose buffers and parameters were checked once, ready for any number of rows up to its most. */
export interface DeviceLaunch {
  readonly maxRows: number;
  close(): void;
}

/** Copies and launches in order. Everything but `sync` only enqueues; nothing blocks the thread. */
export interface DeviceStream {
  /** The host array must stay as it is until the stream is idle. */
  write(to: DevicePlace, host: ArrayBufferView): void;
  /** The host array holds the bytes when the stream is idle. */
  read(from: DevicePlace, host: ArrayBufferView): void;
  fill(to: DevicePlace, byte: number, count: number): void;
  /** Bytes from one place to another of the same device. */
  copy(to: DevicePlace, from: DevicePlace, count: number): void;
  /** A prepared kernel for 1 … `maxRows` rows. */
  enqueue(launch: DeviceLaunch, rows: number): void;
  record(event: DeviceEvent): void;
  /** What is enqueued from here on runs after the event's point has been passed. */
  wait(event: DeviceEvent): void;
  /** What is enqueued from here on is kept and does not run. */
  beginCapture(): void;
  /** The sequence since `beginCapture`. */
  endCapture(): DeviceGraph;
  /** Enqueues a captured sequence. */
  launch(graph: DeviceGraph): void;
  /** Whether everything enqueued so far has run. Waits for nothing; throws what the device failed with. */
  idle(): boolean;
  /** Settles when everything before it has run. */
  sync(): Promise<void>;
}

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
