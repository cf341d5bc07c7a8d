import type { Device, DevicePlace, DeviceStream, PinnedMemory } from '@arfuse/contract';

/** Bytes that are copied at a time. */
const CHUNK = 4 * 1024 * 1024;

/** Copies between the program's arrays and a device through pinned memory, which is what does not block the thread. */
export class Staging {
  readonly #device: Device;
  readonly #stream: DeviceStream;
  readonly #idle: () => Promise<void>;
  #pinned: PinnedMemory | undefined;
  /** One copy at a time uses the pinned memory. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param idle - settles when the stream has run everything enqueued so far */
  constructor(device: Device, stream: DeviceStream, idle: () => Promise<void>) {
    this.#device = device;
    this.#stream = stream;
    this.#idle = idle;
  }

  write(to: DevicePlace, from: Uint8Array): Promise<void> {
    return this.#chunks(from.length, async (start, staged) => {
      staged.set(from.subarray(start, start + staged.length));
      this.#stream.write({ memory: to.memory, offset: to.offset + start }, staged);
      await this.#idle();
    });
  }

  read(from: DevicePlace, to: Uint8Array): Promise<void> {
    return this.#chunks(to.length, async (start, staged) => {
      this.#stream.read({ memory: from.memory, offset: from.offset + start }, staged);
      await this.#idle();
      to.set(staged, start);
    });
  }

  close(): void {
    this.#pinned?.close();
    this.#pinned = undefined;
  }

  #chunks(
    bytes: number,
    copy: (start: number, staged: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const done = this.#turn.then(async () => {
      this.#pinned ??= this.#device.pinned(CHUNK);
      const { array } = this.#pinned;
      for (let start = 0; start < bytes; start += CHUNK)
        await copy(start, array.subarray(0, Math.min(CHUNK, bytes - start)));
    });
    this.#turn = done.catch(() => {});
    return done;
  }
}
