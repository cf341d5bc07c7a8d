import { type Plan, PlanError, type SiteOutput, UsageError } from '@arfuse/contract';
import { type BufferSpec, bufferBytes, type DeviceBuffer } from './device-buffer.ts';
import type { Executor } from './executor.ts';
import { JointLaunch } from './joint-launch.ts';
import { laneOf } from './lane.ts';
import type { SiteBuffers, SiteInputName } from './site-buffers.ts';

/** Inputs of a site: partials by rank, and what all ranks share. */
export interface InputBytes {
  readonly partials: readonly (readonly Uint8Array[])[];
  readonly shared: Readonly<Partial<Record<SiteInputName, Uint8Array>>>;
}

/** Results of a site on one rank. */
export type OutputBytes = Readonly<Partial<Record<SiteOutput, Uint8Array>>>;

/** Bytes before and behind every buffer, which no kernel may change. */
const GUARD = 4096;
const GUARD_BYTE = 0x5c;

/** What outputs hold before a launch, so that an element which no kernel wrote is seen. */
const POISON = 0xa5;

/** A buffer between two guard bands. */
interface Guarded {
  readonly buffer: DeviceBuffer;
  readonly whole: DeviceBuffer;
}

/** Buffers of one class on one rank. */
interface Seat {
  readonly binding: number;
  readonly buffers: SiteBuffers;
  readonly guarded: readonly Guarded[];
}

/**
 * Drives the executors of this process's ranks, for tests and measurements: buffers are filled from host bytes and stand
 * between guard bands, outputs are poisoned, and results come back as bytes. These are all ranks of the group, or those that
 * this process has of it; the other processes do the same at the same time.
 */
export class LocalRanks implements AsyncDisposable {
  readonly plan: Plan;
  /** In the order of their ranks. */
  readonly executors: readonly Executor[];
  /** By class, in the order of the executors. */
  readonly #seats = new Map<string, readonly Seat[]>();
  readonly #joint: JointLaunch;

  /** @throws UsageError without executors, and for a rank that is given twice */
  constructor(executors: readonly Executor[]) {
    const [first] = executors;
    const ranks = new Set(executors.map(({ rank }) => rank));
    if (!first || ranks.size !== executors.length) {
      throw new UsageError({
        message: `${executors.length} executors are given for ${first ? `${ranks.size} ranks` : 'no ranks'}.`,
        hint: 'Give the executor of every rank of this process, once.',
      });
    }
    this.plan = first.plan;
    this.executors = executors.toSorted((a, b) => a.rank - b.rank);
    this.#joint = new JointLaunch(this.executors.map(laneOf));
  }

  /** Ids, in the order of the executors, with which `launch()` and `defineStep()` of the executors name a class. */
  async bindings(id: string): Promise<readonly number[]> {
    return (await this.#bound(id)).map(({ binding }) => binding);
  }

  /** Buffers of a class, in the order of the executors. */
  async buffers(id: string): Promise<readonly SiteBuffers[]> {
    return (await this.#bound(id)).map(({ buffers }) => buffers);
  }

  /** Fills the buffers of a class, and poisons its outputs. */
  async fill(id: string, { partials, shared }: InputBytes): Promise<void> {
    const seats = await this.#bound(id);
    await this.each(async (executor, index) => {
      const { buffers } = seats[index]!;
      for (const [i, buffer] of buffers.partials.entries())
        await executor.write(buffer, partials[executor.rank]![i]!);
      for (const [name, buffer] of Object.entries(buffers.inputs)) {
        const bytes = shared[name as SiteInputName];
        if (bytes) await executor.write(buffer, bytes);
      }
    });
    await this.poison(id);
  }

  /** Poisons the outputs of a class. */
  async poison(id: string): Promise<void> {
    const seats = await this.#bound(id);
    await this.each(async (executor, index) => {
      for (const buffer of Object.values(seats[index]!.buffers.outputs))
        await executor.write(buffer, new Uint8Array(buffer.bytes).fill(POISON));
    });
  }

  /** Launches a class for so many rows at every rank, and waits for all. */
  async launch(id: string, tokens: number): Promise<void> {
    this.enqueue(await this.bindings(id), tokens);
    await this.sync();
  }

  /**
   * Enqueues a site at every rank, kernel by kernel in turn; ranks that share a device are joined before they meet. Nothing is
   * enqueued anywhere while one of the executors has a fault to report.
   * @param ids - of the site in the order of the executors, as `bindings` gives them
   * @throws UsageError for ids or tokens that do not exist
   */
  enqueue(ids: readonly number[], tokens: number): void {
    this.#joint.launch(ids, tokens);
  }

  /** Enqueues a step of every rank, as {@link enqueue}; a graph counts as one kernel. */
  enqueueStep(steps: readonly number[], tokens: number): void {
    this.#joint.step(steps, tokens);
  }

  /** Waits for all ranks. @throws the first rank's error, as `Executor.sync` */
  async sync(): Promise<void> {
    await this.each((executor) => executor.sync());
  }

  /**
   * The first bytes of a class's outputs, as many as a launch of the expected results writes.
   * @param expected - by rank of the group
   * @returns in the order of the executors
   */
  async read(id: string, expected: readonly OutputBytes[]): Promise<OutputBytes[]> {
    const seats = await this.#bound(id);
    return await this.each(async (executor, index) => {
      const found: Partial<Record<SiteOutput, Uint8Array>> = {};
      for (const [name, buffer] of Object.entries(seats[index]!.buffers.outputs))
        found[name as SiteOutput] = await executor.read(
          buffer,
          expected[executor.rank]![name as SiteOutput]!.length,
        );
      return found;
    });
  }

  /**
   * What a launch wrote where it may not: behind the results of a class, or in a guard band.
   * @param expected - by rank of the group
   * @returns one sentence, or undefined when nothing was written there
   */
  async strayWrite(id: string, expected: readonly OutputBytes[]): Promise<string | undefined> {
    const seats = await this.#bound(id);
    const found = await this.each(async (executor, index) => {
      const { rank } = executor;
      const { buffers, guarded } = seats[index]!;
      for (const [name, buffer] of Object.entries(buffers.outputs)) {
        const { length } = expected[rank]![name as SiteOutput]!;
        const bytes = await executor.read(buffer);
        const at = otherThan(POISON, bytes.subarray(length));
        if (at >= 0) return `rank ${rank} wrote ${at + 1} bytes behind the end of "${name}"`;
      }
      for (const { whole, buffer } of guarded) {
        const bytes = await executor.read(whole);
        const before = otherThan(GUARD_BYTE, bytes.subarray(0, GUARD)) >= 0;
        const behind = otherThan(GUARD_BYTE, bytes.subarray(GUARD + buffer.bytes)) >= 0;
        if (before || behind)
          return `rank ${rank} wrote ${before ? 'before' : 'behind'} a buffer ${buffer.dtype}[${buffer.shape.join(', ')}]`;
      }
      return undefined;
    });
    return found.find((sentence) => sentence !== undefined);
  }

  /**
   * Calls all executors at once: one that waits for another must not keep that one from being called.
   * @param act - gets the executor and its index, which is its rank where this process has all ranks
   * @returns what they return, in the order of the executors
   * @throws the failure of the first one that fails, when all have settled
   */
  async each<T>(act: (executor: Executor, index: number) => T | Promise<T>): Promise<T[]> {
    const settled = await Promise.allSettled(
      this.executors.map(async (executor, index) => await act(executor, index)),
    );
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
  }

  /** Closes the executors and the buffers. */
  async close(): Promise<void> {
    await this.each((executor) => executor.close());
    this.#joint.close();
    for (const { guarded } of [...this.#seats.values()].flat()) {
      for (const { buffer, whole } of guarded) {
        buffer.close();
        whole.close();
      }
    }
    this.#seats.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #bound(id: string): Promise<readonly Seat[]> {
    const known = this.#seats.get(id);
    if (known) return known;
    const site = this.plan.sites.find((candidate) => candidate.class === id);
    if (!site) {
      throw new PlanError({
        message: `the plan has no site of class "${id}".`,
        hint: 'Name a class of a site.',
      });
    }
    const seats = await this.each((executor) => this.#seat(executor, site.id));
    this.#seats.set(id, seats);
    return seats;
  }

  async #seat(executor: Executor, site: string): Promise<Seat> {
    const specs = executor.specs(site);
    const guarded: Guarded[] = [];
    const make = async (spec: BufferSpec): Promise<DeviceBuffer> => {
      const made = await guardedBuffer(executor, spec);
      guarded.push(made);
      return made.buffer;
    };
    const all = async (of: Readonly<Record<string, BufferSpec>>) => {
      const made: Record<string, DeviceBuffer> = {};
      for (const [name, spec] of Object.entries(of)) made[name] = await make(spec);
      return made;
    };
    const partials: DeviceBuffer[] = [];
    for (const spec of specs.partials) partials.push(await make(spec));
    const buffers: SiteBuffers = {
      partials,
      inputs: await all(specs.inputs),
      outputs: await all(specs.outputs),
    };
    return { binding: executor.bind(site, buffers), buffers, guarded };
  }
}

/** Index of the first byte that is another; −1 when none is. */
function otherThan(byte: number, bytes: Uint8Array): number {
  if (Buffer.compare(bytes, Buffer.alloc(bytes.length, byte)) === 0) return -1;
  return bytes.findIndex((found) => found !== byte);
}

async function guardedBuffer(executor: Executor, spec: BufferSpec): Promise<Guarded> {
  const bytes = bufferBytes(spec);
  const whole = executor.allocate({ dtype: 'u8', shape: [bytes + 2 * GUARD] });
  await executor.write(whole, new Uint8Array(whole.bytes).fill(GUARD_BYTE));
  return { whole, buffer: executor.view(spec, whole.address + BigInt(GUARD), bytes) };
}
