import {
  type Backend,
  type Device,
  type DeviceMemory,
  type DeviceStream,
  itemsize,
  type Plan,
  type SiteOutput,
} from '@arfuse/contract';
import {
  type BufferSpec,
  createExecutor,
  type DeviceBuffer,
  type Executor,
  type ExecutorOptions,
  type Group,
  LocalRanks,
  openLocalGroup,
  type SiteInputName,
} from '@arfuse/runtime';
import type { CheckerContext, RankPlace } from '../judging/checker.ts';

/** Bytes before and behind every buffer, which nothing may change. */
export const GUARD = 4096;
export const GUARD_BYTE = 0x5c;

const ALIGNMENT = 256;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Name of a buffer: a partial, an input, or an output. */
export type BufferName = `partial ${0 | 1}` | SiteInputName | `${SiteOutput} out`;

/** A buffer between two guard bands. */
export interface Slot {
  readonly offset: number;
  readonly bytes: number;
}

/** A guard band. */
export interface Band {
  readonly place: RankPlace;
  readonly behind: number;
  readonly bytes: number;
  /** The buffer that ends there. */
  readonly after: BufferName | undefined;
}

/** Where the ranks of a plan run. */
export interface StandOptions {
  readonly plan: Plan;
  /** By rank; ranks may share one. */
  readonly devices: readonly Device[];
  readonly backends: readonly Backend[];
  readonly executor?: Partial<ExecutorOptions>;
  /** What a rank enqueues on, around a stream of its device. Default: that stream. */
  readonly stream?: (made: DeviceStream, rank: number) => DeviceStream;
}

const bytesOf = ({ dtype, shape }: BufferSpec): number =>
  shape.reduce((product, dim) => product * dim, itemsize(dtype));

/** The largest buffer of each name that a site of the plan needs. */
function slotsOf(executor: Executor): Map<BufferName, Slot> {
  const most = new Map<BufferName, number>();
  const need = (name: BufferName, spec: BufferSpec): void => {
    most.set(name, Math.max(most.get(name) ?? 0, bytesOf(spec)));
  };
  for (const { id } of executor.plan.sites) {
    const { partials, inputs, outputs } = executor.specs(id);
    partials.forEach((spec, i) => {
      need(`partial ${i as 0 | 1}`, spec);
    });
    for (const [name, spec] of Object.entries(inputs)) need(name as SiteInputName, spec);
    for (const [name, spec] of Object.entries(outputs)) need(`${name as SiteOutput} out`, spec);
  }
  let offset = GUARD;
  const slots = new Map<BufferName, Slot>();
  for (const [name, bytes] of most) {
    slots.set(name, { offset, bytes });
    offset += aligned(bytes) + GUARD;
  }
  return slots;
}

/**
 * Executors of all ranks of a plan in this process. All sites share the buffers of a name, which stand between guard bands
 * in one allocation per rank.
 */
export class Stand {
  readonly plan: Plan;
  readonly executors: readonly Executor[];
  readonly streams: readonly DeviceStream[];
  readonly devices: readonly Device[];
  readonly slots: ReadonlyMap<BufferName, Slot>;
  readonly #groups: readonly Group[];
  readonly #memory: readonly DeviceMemory[];
  readonly #views: DeviceBuffer[] = [];
  readonly #ranks: LocalRanks;
  #kept: DeviceMemory | undefined;

  private constructor(
    plan: Plan,
    devices: readonly Device[],
    groups: readonly Group[],
    executors: readonly Executor[],
    streams: readonly DeviceStream[],
  ) {
    this.plan = plan;
    this.devices = devices;
    this.#groups = groups;
    this.executors = executors;
    this.streams = streams;
    this.slots = slotsOf(executors[0]!);
    this.#ranks = new LocalRanks(executors);
    this.#memory = devices.map((device) => device.allocate(this.bytes));
  }

  static async open(options: StandOptions): Promise<Stand> {
    const { plan, devices, backends, executor = {}, stream = (made) => made } = options;
    const groups = await openLocalGroup({ ranks: devices.length });
    const streams = devices.map((device, rank) => stream(device.createStream(), rank));
    const shared = (device: Device): number =>
      devices.filter(({ kind, ordinal }) => kind === 'cuda' && ordinal === device.ordinal).length;
    try {
      const executors = await Promise.all(
        groups.map((group, rank) =>
          createExecutor(plan, group, {
            device: devices[rank]!,
            backends,
            stream: streams[rank]!,
            ranksPerDevice: Math.max(1, shared(devices[rank]!)),
            ...executor,
          }),
        ),
      );
      const stand = new Stand(plan, devices, groups, executors, streams);
      stand.#memory.forEach((memory, rank) => {
        streams[rank]!.fill({ memory, offset: 0 }, GUARD_BYTE, stand.bytes);
      });
      await stand.sync();
      return stand;
    } catch (error) {
      await Promise.all(groups.map((group) => group.close()));
      throw error;
    }
  }

  get size(): number {
    return this.executors.length;
  }

  /** What a checker of these ranks works with. */
  get checkerContext(): CheckerContext {
    return { streams: this.streams, idle: (rank) => this.executors[rank]!.sync() };
  }

  /** Bytes of each rank's allocation. */
  get bytes(): number {
    let end = GUARD;
    for (const { offset, bytes } of this.slots.values())
      end = Math.max(end, offset + aligned(bytes) + GUARD);
    return end;
  }

  /** Where a buffer of a rank begins, or a byte of it. */
  place(rank: number, name: BufferName, at = 0): RankPlace {
    return { rank, memory: this.#memory[rank]!, offset: this.slots.get(name)!.offset + at };
  }

  /** Where a copy of a buffer of rank 0 may be kept. */
  kept(name: BufferName): RankPlace {
    this.#kept ??= this.devices[0]!.allocate(this.bytes);
    return { rank: 0, memory: this.#kept, offset: this.slots.get(name)!.offset };
  }

  /** What lies between the buffers of a rank: bytes that begin so many behind a place, which is aligned to 16. */
  *guards(rank: number): Generator<Band> {
    const memory = this.#memory[rank]!;
    const band = (from: number, to: number, after: BufferName | undefined): Band => {
      const behind = from % 16;
      const place = { rank, memory, offset: from - behind };
      return { place, behind, bytes: to - from, after };
    };
    let end = 0;
    let before: BufferName | undefined;
    for (const [name, { offset, bytes }] of this.slots) {
      yield band(end, offset, before);
      end = offset + bytes;
      before = name;
    }
    yield band(end, this.bytes, before);
  }

  /** Binds a site to the shared buffers at every rank. @returns ids by rank */
  bind(site: string): readonly number[] {
    return this.executors.map((executor, rank) => {
      const specs = executor.specs(site);
      const view = (name: BufferName, spec: BufferSpec): DeviceBuffer => {
        const { offset } = this.slots.get(name)!;
        const address = this.#memory[rank]!.address + BigInt(offset);
        const buffer = executor.view(spec, address, bytesOf(spec));
        this.#views.push(buffer);
        return buffer;
      };
      const all = <K extends string>(
        of: Readonly<Partial<Record<K, BufferSpec>>>,
        named: (key: K) => BufferName,
      ) =>
        Object.fromEntries(
          Object.entries(of).map(([key, spec]) => [key, view(named(key as K), spec as BufferSpec)]),
        ) as Partial<Record<K, DeviceBuffer>>;
      return executor.bind(site, {
        partials: specs.partials.map((spec, i) => view(`partial ${i as 0 | 1}`, spec)),
        inputs: all(specs.inputs, (key) => key),
        outputs: all(specs.outputs, (key) => `${key} out`),
      });
    });
  }

  /** A step of every rank that launches a binding so many times. @param bindings - by rank @returns ids by rank */
  defineSteps(bindings: readonly number[], times = 1): readonly number[] {
    return this.executors.map((executor, rank) =>
      executor.defineStep(new Array<number>(times).fill(bindings[rank]!)),
    );
  }

  /** Captures a step of every rank, where it is not captured for so many tokens yet. */
  capture(steps: readonly number[], tokens: number): void {
    for (const [rank, step] of steps.entries()) this.executors[rank]!.capture(step, [tokens]);
  }

  /** Enqueues a site at every rank in turn. @param bindings - by rank */
  launch(bindings: readonly number[], tokens: number): void {
    this.#ranks.enqueue(bindings, tokens);
  }

  /** Enqueues a step of every rank, as {@link launch}. */
  step(steps: readonly number[], tokens: number): void {
    this.#ranks.enqueueStep(steps, tokens);
  }

  /** Waits until every rank has run everything. @throws what the first rank that fails reports, when all have settled */
  async sync(): Promise<void> {
    await this.#ranks.sync();
  }

  /** Whether the ranks can go on after something failed: executors that recovered do. */
  async goesOn(): Promise<boolean> {
    return await this.sync().then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    await this.#ranks.close();
    for (const view of this.#views) view.close();
    for (const memory of this.#memory) memory.close();
    this.#kept?.close();
    await Promise.all(this.#groups.map((group) => group.close()));
  }
}
