import { type Device, type DeviceEvent, type DeviceStream, LimitError } from '@arfuse/contract';

/** Launches that may be on their way; beyond about a thousand kernels the driver would block the thread. A power of two. */
const MOST = 512;

/** Launches per event: an event costs time at the host, and keeps the kernels beside it from overlapping. */
const PER_EVENT = 16;

/** One launch of a site, or of a captured step. */
export interface Mark {
  /** Id of a binding, or of a captured step. */
  readonly id: number;
  readonly captured: boolean;
  /** Tokens of the launch, or the bucket of the graph. */
  readonly tokens: number;
  /** Collectives that the rank had enqueued before it. */
  readonly start: number;
}

/**
 * What a rank has enqueued, and roughly how far its stream has come. All ranks enqueue the same collectives, so their counts
 * can be compared, which says exactly where ranks wait for each other. Marking allocates nothing.
 */
export class Progress {
  readonly #events: readonly DeviceEvent[];
  readonly #ids = new Int32Array(MOST);
  readonly #captured = new Uint8Array(MOST);
  readonly #tokens = new Int32Array(MOST);
  readonly #starts = new Float64Array(MOST);
  #marks = 0;
  /** Marks that the stream has certainly passed. */
  #passed = 0;
  #enqueued = 0;

  constructor(device: Device) {
    this.#events = Array.from({ length: MOST / PER_EVENT }, () => device.createEvent());
  }

  /** Collectives enqueued so far. */
  get enqueued(): number {
    return this.#enqueued;
  }

  /** @throws LimitError when so many launches wait that the driver might block the thread */
  requireRoom(): void {
    if (this.#marks - this.#passed < MOST) return;
    this.#look();
    if (this.#marks - this.#passed < MOST) return;
    throw new LimitError({
      message: `${MOST} launches wait on the stream already.`,
      hint: 'Await sync() or step() before launching more.',
      details: { launches: MOST },
    });
  }

  /** Notes that something with so many collectives was enqueued. */
  mark(
    stream: DeviceStream,
    id: number,
    tokens: number,
    collectives: number,
    captured: boolean,
  ): void {
    const slot = this.#marks % MOST;
    this.#ids[slot] = id;
    this.#captured[slot] = captured ? 1 : 0;
    this.#tokens[slot] = tokens;
    this.#starts[slot] = this.#enqueued;
    this.#marks += 1;
    this.#enqueued += collectives;
    if (this.#marks % PER_EVENT === 0) stream.record(this.#eventAfter(this.#marks));
  }

  /** The stream has passed everything. */
  settle(): void {
    this.#passed = this.#marks;
  }

  /** Launches that the stream may not have passed, in order. */
  pending(): Mark[] {
    this.#look();
    return Array.from({ length: this.#marks - this.#passed }, (_, index) => {
      const slot = (this.#passed + index) % MOST;
      return {
        id: this.#ids[slot]!,
        captured: this.#captured[slot] === 1,
        tokens: this.#tokens[slot]!,
        start: this.#starts[slot]!,
      };
    });
  }

  /** All ranks begin to count anew. */
  restart(): void {
    this.#marks = 0;
    this.#passed = 0;
    this.#enqueued = 0;
  }

  close(): void {
    for (const event of this.#events) event.close();
  }

  /** Event behind so many marks, a multiple of {@link PER_EVENT}. */
  #eventAfter(marks: number): DeviceEvent {
    return this.#events[(marks / PER_EVENT - 1) % this.#events.length]!;
  }

  #look(): void {
    for (;;) {
      const next = (Math.floor(this.#passed / PER_EVENT) + 1) * PER_EVENT;
      if (next > this.#marks || !this.#eventAfter(next).passed()) return;
      this.#passed = next;
    }
  }
}
