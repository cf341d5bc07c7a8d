import { performance } from 'node:perf_hooks';
import {
  DeviceError,
  type DeviceEvent,
  type DeviceGraph,
  type DeviceLaunch,
  type DevicePlace,
  type DeviceStream,
  UsageError,
} from '@arfuse/contract';
import { bytesAt } from './memory.ts';

/** Something on a stream. Each run of it is begun, then polled until it says that it has ended. */
export type Operation = () => () => boolean;

/** A kernel of a reference device, ready to run for any number of rows up to its most. */
export interface ReferenceLaunch extends DeviceLaunch {
  begin(rows: number): () => boolean;
}

/** A point of a reference stream. */
export class ReferenceEvent implements DeviceEvent {
  #recorded = 0;
  #passed = 0;
  #time = 0;

  /** Records of it so far. */
  get recorded(): number {
    return this.#recorded;
  }

  passed(record = this.#recorded): boolean {
    return this.#passed >= record;
  }

  elapsed(from: DeviceEvent): number {
    return this.#time - (from as ReferenceEvent).#time;
  }

  close(): void {}

  record(): Operation {
    return () => {
      this.#recorded += 1;
      const record = this.#recorded;
      return () => {
        this.#passed = record;
        this.#time = performance.now();
        return true;
      };
    };
  }
}

class ReferenceGraph implements DeviceGraph {
  constructor(readonly operations: readonly Operation[]) {}
  close(): void {}
}

const at = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Runs operations one after the other, between the turns of the event loop, as a GPU does beside its host. */
export class ReferenceStream implements DeviceStream {
  readonly #queue: Operation[] = [];
  #polled: (() => boolean) | undefined;
  #captured: Operation[] | undefined;
  #scheduled = false;
  #failure: unknown;
  readonly #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  write(to: DevicePlace, host: ArrayBufferView): void {
    this.#now(() => bytesAt(to, host.byteLength).set(at(host)));
  }

  read(from: DevicePlace, host: ArrayBufferView): void {
    this.#now(() => at(host).set(bytesAt(from, host.byteLength)));
  }

  fill(to: DevicePlace, byte: number, count: number): void {
    this.#now(() => bytesAt(to, count).fill(byte));
  }

  copy(to: DevicePlace, from: DevicePlace, count: number): void {
    this.#now(() => bytesAt(to, count).set(bytesAt(from, count)));
  }

  enqueue(launch: DeviceLaunch, rows: number): void {
    if (!(Number.isInteger(rows) && rows >= 1 && rows <= launch.maxRows)) {
      throw new UsageError({
        message: `a launch of ${rows} rows: expected a whole number from 1 to ${launch.maxRows}.`,
        details: { rows, maxRows: launch.maxRows },
      });
    }
    this.#add(() => (launch as ReferenceLaunch).begin(rows));
  }

  record(event: DeviceEvent): void {
    const operation = (event as ReferenceEvent).record();
    if (this.#captured) this.#add(operation);
    else this.#addBegun(operation());
  }

  wait(event: DeviceEvent): void {
    const { recorded } = event as ReferenceEvent;
    this.#add(() => () => (event as ReferenceEvent).passed(recorded));
  }

  beginCapture(): void {
    if (this.#captured) throw new DeviceError({ message: 'the stream is capturing already.' });
    this.#captured = [];
  }

  endCapture(): DeviceGraph {
    if (!this.#captured) throw new DeviceError({ message: 'the stream is not capturing.' });
    const graph = new ReferenceGraph(this.#captured);
    this.#captured = undefined;
    return graph;
  }

  launch(graph: DeviceGraph): void {
    for (const operation of (graph as ReferenceGraph).operations) this.#add(operation);
  }

  idle(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#polled === undefined && this.#queue.length === 0;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#schedule();
    });
  }

  #now(act: () => void): void {
    this.#add(() => () => {
      act();
      return true;
    });
  }

  #add(operation: Operation): void {
    if (this.#captured) this.#captured.push(operation);
    else this.#push(operation);
  }

  #addBegun(poll: () => boolean): void {
    this.#push(() => poll);
  }

  #push(operation: Operation): void {
    this.#queue.push(operation);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  /** Runs what can run, and comes back when something waits. */
  #turn(): void {
    this.#scheduled = false;
    try {
      for (;;) {
        this.#polled ??= this.#queue.shift()?.();
        if (!this.#polled) break;
        if (!this.#polled()) {
          this.#again();
          return;
        }
        this.#polled = undefined;
      }
    } catch (error) {
      // A failed kernel ends the context: nothing after it runs.
      this.#failure ??= error;
      this.#polled = undefined;
      this.#queue.length = 0;
    }
    const failure = this.#failure;
    for (const { resolve, reject } of this.#waiting.splice(0))
      if (failure === undefined) resolve();
      else reject(failure);
  }

  /** A kernel that waits does not keep the process alive by itself, as a GPU's does not. */
  #again(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn()).unref();
  }
}
