import type { Device, DeviceEvent, DeviceStream } from '@arfuse/contract';

/** Marks that are kept: more launches than that are seldom on their way. */
const KEPT = 256;

/** What one mark stands for. */
export interface Mark {
  /** Id of a binding, or of a captured step. */
  readonly id: number;
  readonly captured: boolean;
  readonly tokens: number;
  /** Collectives that the rank had enqueued before it. */
  readonly start: number;
}

/**
 * How far a rank's stream has come among the collectives that the rank has enqueued. All ranks enqueue the same ones, so
 * their counts can be compared. Marking allocates nothing.
 */
export class Progress {
  readonly #events: readonly DeviceEvent[];
  readonly #ids = new Int32Array(KEPT);
  readonly #captured = new Uint8Array(KEPT);
  readonly #tokens = new Int32Array(KEPT);
  readonly #starts = new Float64Array(KEPT);
  #marks = 0;
  #enqueued = 0;

  constructor(device: Device) {
    this.#events = Array.from({ length: KEPT }, () => device.createEvent());
  }

  /** Collectives enqueued so far. */
  get enqueued(): number {
    return this.#enqueued;
  }

  /** Notes that something with so many collectives was enqueued. */
  mark(
    stream: DeviceStream,
    id: number,
    tokens: number,
    collectives: number,
    captured: boolean,
  ): void {
    const slot = this.#marks % KEPT;
    this.#ids[slot] = id;
    this.#captured[slot] = captured ? 1 : 0;
    this.#tokens[slot] = tokens;
    this.#starts[slot] = this.#enqueued;
    this.#marks += 1;
    this.#enqueued += collectives;
    stream.record(this.#events[slot]!);
  }

  /** The first mark that the stream has not passed; undefined when it has passed all. */
  stuck(): Mark | undefined {
    for (let mark = Math.max(0, this.#marks - KEPT); mark < this.#marks; mark += 1) {
      const slot = mark % KEPT;
      if (this.#events[slot]!.passed()) continue;
      return {
        id: this.#ids[slot]!,
        captured: this.#captured[slot] === 1,
        tokens: this.#tokens[slot]!,
        start: this.#starts[slot]!,
      };
    }
    return undefined;
  }

  /** All ranks begin to count anew. */
  restart(): void {
    this.#marks = 0;
    this.#enqueued = 0;
  }
}
