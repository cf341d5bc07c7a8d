import type {
  DeviceEvent,
  DeviceGraph,
  DeviceLaunch,
  DevicePlace,
  DeviceStream,
} from '@arfuse/contract';

/** A stream that puts an announced kernel right before the next one: behind what joins ranks, and into what is being captured. */
export class ProducingStream implements DeviceStream {
  readonly #inner: DeviceStream;
  #announced: DeviceLaunch | undefined;

  constructor(inner: DeviceStream) {
    this.#inner = inner;
  }

  /** The kernel that goes before the next one. */
  announce(launch: DeviceLaunch): void {
    this.#announced = launch;
  }

  enqueue(launch: DeviceLaunch, rows: number): void {
    const announced = this.#announced;
    this.#announced = undefined;
    if (announced) this.#inner.enqueue(announced, 1);
    this.#inner.enqueue(launch, rows);
  }

  write(to: DevicePlace, host: ArrayBufferView): void {
    this.#inner.write(to, host);
  }

  read(from: DevicePlace, host: ArrayBufferView): void {
    this.#inner.read(from, host);
  }

  fill(to: DevicePlace, byte: number, count: number): void {
    this.#inner.fill(to, byte, count);
  }

  copy(to: DevicePlace, from: DevicePlace, count: number): void {
    this.#inner.copy(to, from, count);
  }

  record(event: DeviceEvent): void {
    this.#inner.record(event);
  }

  wait(event: DeviceEvent): void {
    this.#inner.wait(event);
  }

  beginCapture(): void {
    this.#inner.beginCapture();
  }

  endCapture(): DeviceGraph {
    return this.#inner.endCapture();
  }

  launch(graph: DeviceGraph): void {
    this.#inner.launch(graph);
  }

  idle(): boolean {
    return this.#inner.idle();
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }
}
