import {
  ArfuseError,
  type Device,
  DeviceError,
  type DeviceGraph,
  type DeviceMemory,
  type DevicePlace,
  type DeviceStream,
  type KernelExecutor,
  type Plan,
  type PlanSite,
  splitKernelId,
  UsageError,
} from '@arfuse/contract';
import { type BoundSegment, bindSegments } from './bound-site.ts';
import { type Clock, until } from './clock.ts';
import { type BufferSpec, DeviceBuffer } from './device-buffer.ts';
import { checkInteger } from './options.ts';
import { Progress } from './progress.ts';
import { freeStream, type RecoveryParts, recoverTogether } from './recovery.ts';
import {
  allBuffers,
  checkSiteBuffers,
  type SiteBuffers,
  type SiteSpecs,
  siteSpecs,
} from './site-buffers.ts';
import { Staging } from './staging.ts';
import type { RankStatus } from './status.ts';
import { joinDemands, type PlannedSegment, segmentTable } from './step-demands.ts';

/** A site with its buffers. */
interface Binding {
  readonly site: PlanSite;
  readonly buffers: SiteBuffers;
  readonly segments: readonly BoundSegment[];
  /** Index of the segment by token count. */
  readonly eager: Int16Array;
  readonly graph: Int16Array;
  close(): void;
}

/** A sequence of sites, with the graphs that were captured of it. */
interface Step {
  readonly bindings: readonly number[];
  /** By token count: the smallest captured bucket that holds so many; 0 where there is none. */
  readonly buckets: Int32Array;
  readonly graphs: Map<number, DeviceGraph>;
  readonly collectives: Map<number, number>;
}

/** What an executor is made of; `createExecutor` gathers it. */
export interface ExecutorParts extends Omit<RecoveryParts, 'status' | 'kernels'> {
  readonly plan: Plan;
  readonly device: Device;
  readonly opened: ReadonlyMap<string, KernelExecutor>;
  /** Segments of each class with their steps. */
  readonly segments: ReadonlyMap<string, readonly PlannedSegment[]>;
  /** Frees what belongs to the group's ranks together. */
  readonly closeShared: () => Promise<void>;
}

type State = 'ready' | 'recovering' | 'broken' | 'closed';

/**
 * Runs the sites of a plan on one rank. Buffers are bound once; a launch is a table look-up and the launches of a segment,
 * without a decision and without an allocation. Launches return nothing: what goes wrong is reported by `step()` and
 * `sync()`, at every rank by the same error, and afterwards the ranks can go on.
 */
export class Executor implements AsyncDisposable {
  readonly plan: Plan;
  readonly rank: number;
  readonly size: number;
  /** Largest token count of a launch. */
  readonly maxTokens: number;
  readonly #parts: ExecutorParts;
  readonly #device: Device;
  readonly #stream: DeviceStream;
  readonly #clock: Clock;
  readonly #progress: Progress;
  readonly #staging: Staging;
  readonly #bindings: Binding[] = [];
  readonly #steps: Step[] = [];
  readonly #temporaries: DeviceMemory[] = [];
  readonly #unlisten: () => void;
  #state: State = 'ready';
  #generation = 0;
  #recovery: Promise<void> = Promise.resolve();
  /** What the next step() or sync() reports; launches until then are void. */
  #fault: ArfuseError | undefined;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.plan = parts.plan;
    this.rank = parts.group.rank;
    this.size = parts.group.size;
    this.maxTokens = parts.plan.target.tokens.max;
    this.#device = parts.device;
    this.#stream = parts.stream;
    this.#clock = parts.clock;
    this.#progress = new Progress(parts.device);
    this.#staging = new Staging(parts.device, parts.stream, () => this.sync());
    const { signal } = parts.group;
    const lost = (): void => this.#lose(signal.reason as ArfuseError);
    signal.addEventListener('abort', lost);
    const silence = parts.group.onNotice(({ data }) => {
      if (data[0] === STUCK && data[1] === this.#next()) this.#recover();
    });
    this.#unlisten = () => {
      signal.removeEventListener('abort', lost);
      silence();
    };
    if (signal.aborted) lost();
  }

  /** What the buffers of a site hold. @throws UsageError for a site that the plan does not have */
  specs(site: string): SiteSpecs {
    const found = this.plan.classes.find(({ id }) => id === this.#site(site).class)!;
    return siteSpecs(found, this.maxTokens);
  }

  /** A buffer of this rank's device. */
  allocate(spec: BufferSpec): DeviceBuffer {
    this.#requireOpen();
    return DeviceBuffer.allocate(this.#device, spec);
  }

  /** A buffer over memory that another part of the process owns. */
  view(spec: BufferSpec, address: bigint, bytes: number): DeviceBuffer {
    this.#requireOpen();
    return new DeviceBuffer(spec, this.#device.view(address, bytes));
  }

  /** Buffers for a site, each of its own. The caller closes them after the executor. */
  allocateSite(site: string): SiteBuffers {
    const { partials, inputs, outputs } = this.specs(site);
    const made: DeviceBuffer[] = [];
    const make = (spec: BufferSpec): DeviceBuffer => {
      const buffer = this.allocate(spec);
      made.push(buffer);
      return buffer;
    };
    const all = <K extends string>(specs: Readonly<Partial<Record<K, BufferSpec>>>) =>
      Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [name, make(spec as BufferSpec)]),
      ) as Partial<Record<K, DeviceBuffer>>;
    try {
      return { partials: partials.map(make), inputs: all(inputs), outputs: all(outputs) };
    } catch (error) {
      for (const buffer of made) buffer.close();
      throw error;
    }
  }

  /** Copies bytes into a buffer, behind everything launched before. */
  async write(to: DeviceBuffer, from: ArrayBufferView): Promise<void> {
    const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
    if (bytes.length > to.bytes) throw wrongSize('write', bytes.length, to);
    await this.#staging.write(to.place, bytes);
  }

  /** Bytes of a buffer, behind everything launched before. */
  async read(from: DeviceBuffer, bytes = from.bytes): Promise<Uint8Array> {
    if (bytes > from.bytes) throw wrongSize('read', bytes, from);
    const to = new Uint8Array(bytes);
    await this.#staging.read(from.place, to);
    return to;
  }

  /**
   * Binds a site's buffers: checks them and makes every kernel of every segment ready.
   * @returns id for `launch` and `defineStep`
   * @throws UsageError, UnsupportedError or NativeError with the site and the buffer or limit
   */
  bind(site: string, buffers: SiteBuffers): number {
    this.#requireOpen();
    const found = this.#site(site);
    checkSiteBuffers(found, this.specs(site), buffers);
    const planned = this.#parts.segments.get(found.class)!;
    const { segments, launches } = bindSegments({
      buffers,
      segments: planned,
      demands: joinDemands(planned.flatMap(({ steps }) => steps)),
      temporary: (index) => this.#temporary(index),
      prepare: (step) => this.#parts.opened.get(splitKernelId(step.kernel).backend)!.prepare(step),
    });
    const bound = allBuffers(buffers);
    for (const buffer of bound) buffer.retain();
    this.#bindings.push({
      site: found,
      buffers,
      segments,
      eager: segmentTable(planned, 'eager', this.maxTokens),
      graph: segmentTable(planned, 'graph', this.maxTokens),
      close: () => {
        for (const launch of launches) launch.close();
        for (const buffer of bound) buffer.release();
      },
    });
    return this.#bindings.length - 1;
  }

  /**
   * Enqueues a site. Errors of the device come from `step()` and `sync()`.
   * @throws UsageError for an id or a token count that does not exist
   */
  launch(id: number, tokens: number): void {
    const binding = this.#bindings[id];
    if (!binding) throw unknownId('binding', id);
    this.#checkTokens(binding.eager[tokens], binding.site.id, tokens);
    this.#attempt(() => this.#enqueue(id, binding, binding.eager, tokens));
  }

  /** A sequence of bound sites that runs as one. @returns id for `capture`, `enqueue` and `step` */
  defineStep(bindings: readonly number[]): number {
    this.#requireOpen();
    for (const id of bindings) if (!this.#bindings[id]) throw unknownId('binding', id);
    this.#steps.push({
      bindings: [...bindings],
      buckets: new Int32Array(this.maxTokens + 1),
      graphs: new Map(),
      collectives: new Map(),
    });
    return this.#steps.length - 1;
  }

  /**
   * Captures a step as one graph per bucket. A later `step()` of up to as many tokens replays it, with as many rows as the
   * bucket has. By default the plan's buckets up to the largest that runs as a graph.
   */
  capture(id: number, buckets?: readonly number[]): void {
    this.#requireOpen();
    const step = this.#step(id);
    const { graphUpTo, buckets: planned } = this.plan.target.tokens;
    const wanted = buckets ?? planned.filter((bucket) => bucket <= graphUpTo);
    for (const bucket of wanted) {
      checkInteger('bucket', bucket, 1, this.maxTokens);
      if (step.graphs.has(bucket)) continue;
      let collectives = 0;
      this.#stream.beginCapture();
      try {
        for (const at of step.bindings) {
          const binding = this.#bindings[at]!;
          this.#checkTokens(binding.graph[bucket], binding.site.id, bucket);
          const segment = binding.segments[binding.graph[bucket]!]!;
          for (const launch of segment.launches) this.#stream.enqueue(launch, bucket);
          collectives += segment.collectives;
        }
      } catch (error) {
        this.#stream.endCapture().close();
        throw error;
      }
      step.graphs.set(bucket, this.#stream.endCapture());
      step.collectives.set(bucket, collectives);
    }
    let next = 0;
    for (let tokens = this.maxTokens; tokens >= 0; tokens -= 1) {
      if (step.graphs.has(tokens)) next = tokens;
      step.buckets[tokens] = next;
    }
  }

  /** Enqueues a step without waiting: one graph where one was captured, else its sites one after the other. */
  enqueue(id: number, tokens: number): void {
    const step = this.#step(id);
    checkInteger('tokens', tokens, 1, this.maxTokens);
    this.#attempt(() => {
      const bucket = step.buckets[tokens]!;
      if (bucket === 0) {
        for (const at of step.bindings) {
          const binding = this.#bindings[at]!;
          this.#enqueue(at, binding, binding.eager, tokens);
        }
        return;
      }
      this.#stream.launch(step.graphs.get(bucket)!);
      const collectives = step.collectives.get(bucket)!;
      if (collectives > 0) this.#progress.mark(this.#stream, id, bucket, collectives, true);
    });
  }

  /**
   * Runs a step and waits for it.
   * @throws as `sync`
   */
  async step(id: number, tokens: number): Promise<void> {
    if (this.#state === 'ready' && !this.#fault) this.enqueue(id, tokens);
    else this.#step(id);
    await this.sync();
  }

  /**
   * Waits until everything enqueued has run.
   * @throws DeadlineError, the same at every rank, with the site, the kernel, the token count and which ranks have come:
   * the ranks have recovered then, what was enqueued since the last wait is void, and the next launches work.
   * PeerLostError or DeviceError when the executor cannot go on
   */
  async sync(): Promise<void> {
    this.#requireOpen();
    const begun = this.#clock.now();
    const settled = (): boolean => this.#state !== 'ready' || this.#idle();
    if (!(await until(settled, this.#clock, begun + this.#parts.deadlineMs))) {
      this.#parts.group.notify(Uint8Array.of(STUCK, this.#next()));
      this.#recover();
    }
    await this.#recovery;
    const fault = this.#fault;
    if (!fault) return;
    if (this.#state === 'ready') this.#fault = undefined;
    throw fault;
  }

  /** Waits for what runs, and frees everything but the buffers. All ranks close. May be called more than once. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    await this.#recovery;
    const { stream, clock, recoveryMs } = this.#parts;
    const idle = await until(() => this.#idleOrFailed(), clock, clock.now() + recoveryMs);
    this.#state = 'closed';
    this.#unlisten();
    for (const binding of this.#bindings) binding.close();
    // Freeing memory waits for kernels that spin: what they hold is left to the end of the process.
    if (!idle) return;
    for (const { graphs } of this.#steps) for (const graph of graphs.values()) graph.close();
    for (const executor of this.#parts.opened.values()) await executor.close();
    for (const memory of this.#temporaries) memory.close();
    this.#staging.close();
    await this.#parts.closeShared();
    void stream;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #site(id: string): PlanSite {
    const site = this.plan.sites.find((candidate) => candidate.id === id);
    if (site) return site;
    throw new UsageError({
      message: `the plan has no site "${id}".`,
      hint: `Its sites are ${this.plan.sites[0]?.id ?? 'none'} … ${this.plan.sites.at(-1)?.id ?? ''}.`,
      details: { site: id },
    });
  }

  #step(id: number): Step {
    const step = this.#steps[id];
    if (!step) throw unknownId('step', id);
    return step;
  }

  #checkTokens(segment: number | undefined, site: string, tokens: number): void {
    if (segment !== undefined && segment >= 0) return;
    throw new UsageError({
      message: `site ${site} cannot be launched for ${tokens} tokens.`,
      hint: `The plan decides 1 to ${this.maxTokens} tokens.`,
      details: { site, tokens },
    });
  }

  #enqueue(id: number, binding: Binding, table: Int16Array, tokens: number): void {
    const { launches, collectives } = binding.segments[table[tokens]!]!;
    for (let i = 0; i < launches.length; i += 1) this.#stream.enqueue(launches[i]!, tokens);
    if (collectives > 0) this.#progress.mark(this.#stream, id, tokens, collectives, false);
  }

  /** Enqueues while the ranks are sound; what fails is reported by the next wait. */
  #attempt(enqueue: () => void): void {
    if (this.#state === 'closed') this.#requireOpen();
    if (this.#state !== 'ready' || this.#fault) return;
    try {
      enqueue();
    } catch (error) {
      this.#break(deviceError(error));
    }
  }

  #temporary(index: number): DevicePlace {
    const bytes = Math.max(
      ...this.plan.classes.map(({ hidden, dtype }) => hidden * (dtype === 'f32' ? 4 : 2)),
    );
    while (this.#temporaries.length <= index)
      this.#temporaries.push(this.#device.allocate(bytes * this.maxTokens));
    return { memory: this.#temporaries[index]!, offset: 0 };
  }

  #idle(): boolean {
    try {
      return this.#stream.idle();
    } catch (error) {
      this.#break(deviceError(error));
      return true;
    }
  }

  #idleOrFailed(): boolean {
    try {
      return this.#stream.idle();
    } catch {
      return true;
    }
  }

  #next(): number {
    return (this.#generation + 1) % 256;
  }

  #recoveryParts(): RecoveryParts {
    return {
      ...this.#parts,
      kernels: [...this.#parts.opened.values()],
      status: () => this.#status(),
    };
  }

  #recover(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'recovering';
    this.#recovery = recoverTogether(this.#recoveryParts()).then(
      (fault) => {
        if (this.#state !== 'recovering') return;
        this.#generation += 1;
        this.#progress.restart();
        this.#fault ??= fault;
        this.#state = 'ready';
      },
      (error) => this.#break(deviceError(error)),
    );
  }

  /** A rank is gone: the kernels that wait for it end, and nothing can be launched any more. */
  #lose(error: ArfuseError): void {
    if (this.#state === 'broken' || this.#state === 'closed') return;
    this.#break(error);
    const before = this.#recovery;
    this.#recovery = before
      .then(() => freeStream(this.#recoveryParts()))
      .catch((stuck: ArfuseError) => {
        this.#fault = stuck;
      });
  }

  #break(error: ArfuseError): void {
    if (this.#state === 'closed') return;
    this.#state = 'broken';
    this.#fault ??= error;
  }

  #status(): RankStatus {
    const { enqueued } = this.#progress;
    const stuck = this.#progress.stuck();
    if (!stuck) return { enqueued };
    const { start, tokens, captured, id } = stuck;
    if (!captured) {
      const { site, segments, eager } = this.#bindings[id]!;
      const kernels = segments[eager[tokens]!]!.kernels.join(' + ');
      const details = { site: site.id, kernel: kernels };
      return { enqueued, stuck: { start, tokens, what: `site ${site.id} (${kernels})`, details } };
    }
    const sites = this.#steps[id]!.bindings.map((at) => this.#bindings[at]!.site.id);
    const kernels = [
      ...new Set(
        this.#steps[id]!.bindings.flatMap((at) => {
          const { segments, graph } = this.#bindings[at]!;
          return segments[graph[tokens]!]!.kernels;
        }),
      ),
    ];
    const list = sites.length > 1 ? `${sites[0]} … ${sites.at(-1)}` : `${sites[0]}`;
    const what = `a captured step of ${sites.length} ${sites.length === 1 ? 'site' : 'sites'} (${list}; ${kernels.join(', ')})`;
    return { enqueued, stuck: { start, tokens, what, details: { sites, kernels } } };
  }

  #requireOpen(): void {
    if (this.#state !== 'closed') return;
    throw new UsageError({
      message: `the executor of rank ${this.rank} is closed.`,
      hint: 'Create another one.',
    });
  }
}

/** First byte of a notice: an operation has passed its deadline. The second is the number of the recovery. */
const STUCK = 1;

function deviceError(error: unknown): ArfuseError {
  if (ArfuseError.isInstance(error)) return error;
  const { message, code } = error as Error & { code?: string };
  return new DeviceError({
    message: `the device failed: ${message}`,
    hint: 'Create the executor anew, after a process restart where CUDA says that its context is lost.',
    details: { ...(code === undefined ? {} : { code }) },
    cause: error,
  });
}

function unknownId(what: string, id: number): UsageError {
  return new UsageError({
    message: `there is no ${what} ${String(id)}.`,
    hint: what === 'binding' ? 'bind() returns ids.' : 'defineStep() returns ids.',
    details: { id },
  });
}

function wrongSize(what: string, bytes: number, buffer: DeviceBuffer): UsageError {
  return new UsageError({
    message: `${what} of ${bytes} bytes: the buffer ${buffer.dtype}[${buffer.shape.join(', ')}] has ${buffer.bytes}.`,
    details: { bytes, buffer: buffer.bytes },
  });
}
