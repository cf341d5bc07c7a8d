import type { DeviceEvent } from '@arfuse/contract';
import type { Lane } from './lane.ts';

/** Ranks of one device, whose streams are joined by an event each. */
interface Neighbours {
  readonly lanes: readonly Lane[];
  readonly events: readonly DeviceEvent[];
}

/**
 * Launches at several ranks that one thread drives: each kernel at every rank before the next, so that no rank's launches queue
 * up before another's. Where ranks share a device, their streams are joined before the kernels in which they meet: such a
 * kernel spins on the multiprocessors that another rank's earlier kernel may need, and would keep that rank from ever coming.
 */
export class JointLaunch {
  readonly #lanes: readonly Lane[];
  readonly #neighbours: readonly Neighbours[];

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
    const byDevice = new Map<number, Lane[]>();
    for (const lane of lanes) {
      const { ordinal } = lane.device;
      byDevice.set(ordinal, [...(byDevice.get(ordinal) ?? []), lane]);
    }
    this.#neighbours = [...byDevice.values()]
      .filter((sharing) => sharing.length > 1)
      .map((sharing) => ({
        lanes: sharing,
        events: sharing.map(({ device }) => device.createEvent()),
      }));
  }

  /**
   * Enqueues a site at every rank, or at none when one of them has a fault to report.
   * @param ids - of the site's binding, by rank
   * @throws UsageError as a launch, before anything is enqueued
   */
  launch(ids: readonly number[], tokens: number): void {
    const segments = this.#lanes.map((lane, at) => lane.segment(ids[at]!, tokens));
    if (!this.#ready()) return;
    const [first] = segments;
    for (const [index, meets] of (first?.meets ?? []).entries()) {
      if (meets) this.#join();
      this.#each((lane, at) => lane.stream.enqueue(segments[at]!.launches[index]!, tokens));
    }
    this.#each((lane, at) => lane.launched(ids[at]!, segments[at]!, tokens));
  }

  /**
   * Enqueues a step at every rank: graphs in turn, joined before them, or its sites as `launch`.
   * @param ids - of the step, by rank
   * @throws as `launch`
   */
  step(ids: readonly number[], tokens: number): void {
    const captured = this.#lanes.map((lane, at) => lane.captured(ids[at]!, tokens));
    if (captured.some((step) => step === undefined)) {
      const bindings = this.#lanes.map((lane, at) => lane.bindings(ids[at]!));
      for (const index of bindings[0]!.keys())
        this.launch(
          bindings.map((of) => of[index]!),
          tokens,
        );
      return;
    }
    if (!this.#ready()) return;
    this.#join();
    this.#each((lane, at) => {
      lane.stream.launch(captured[at]!.graph);
      lane.replayed(ids[at]!, captured[at]!);
    });
  }

  /** Whether what is enqueued now counts at every rank. @throws LimitError as a launch */
  #ready(): boolean {
    if (!this.#lanes.every(({ sound }) => sound)) return false;
    for (const lane of this.#lanes) lane.requireRoom();
    return true;
  }

  close(): void {
    for (const { events } of this.#neighbours) for (const event of events) event.close();
  }

  /** What the ranks of a device have enqueued runs before anything that any of them enqueues next. */
  #join(): void {
    for (const { lanes, events } of this.#neighbours) {
      for (const [at, lane] of lanes.entries())
        this.#guarded(lane, () => lane.stream.record(events[at]!));
      for (const [at, lane] of lanes.entries())
        for (const [other, event] of events.entries())
          if (other !== at) this.#guarded(lane, () => lane.stream.wait(event));
    }
  }

  #each(enqueue: (lane: Lane, at: number) => void): void {
    for (const [at, lane] of this.#lanes.entries()) this.#guarded(lane, () => enqueue(lane, at));
  }

  #guarded(lane: Lane, enqueue: () => void): void {
    try {
      if (lane.sound) enqueue();
    } catch (error) {
      lane.fail(error);
    }
  }
}
