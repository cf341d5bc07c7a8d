import type { DevicePlace } from './memory.ts';

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
