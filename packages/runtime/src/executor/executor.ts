import type { Device, DeviceStream, Plan } from '@arfuse/contract';
import type { Channel } from '../group/group.ts';
import { allocateSite } from './allocate-site.ts';
import { BoundSites } from './bound-sites.ts';
import { type BufferSpec, DeviceBuffer } from './device-buffer.ts';
import { wrongSize } from './failures.ts';
import { Health } from './health.ts';
import { Lane, setLane } from './lane.ts';
import { closeKernels, type OpenedKernels } from './open-kernels.ts';
import { Progress } from './progress.ts';
import type { RecoveryParts } from './recovery.ts';
import type { SharedMemory } from './shared-memory.ts';
import type { SiteBuffers, SiteSpecs } from './site-buffers.ts';
import { Staging } from './staging.ts';
import { Standing } from './standing.ts';
import type { PlannedSegment } from './step-demands.ts';
import { Steps } from './steps.ts';

/** What an executor is made of; `createExecutor` gathers it. */
export interface ExecutorParts
  extends Omit<RecoveryParts, 'status' | 'nameAt' | 'dropGraphs' | 'kernels' | 'abort'> {
  readonly plan: Plan;
  readonly device: Device;
  readonly opened: OpenedKernels;
  /** Segments of each class with their steps. */
  readonly segments: ReadonlyMap<string, readonly PlannedSegment[]>;
  readonly shared: SharedMemory;
}

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
  readonly #device: Device;
  readonly #stream: DeviceStream;
  readonly #opened: OpenedKernels;
  readonly #staging: Staging;
  readonly #sites: BoundSites;
  readonly #steps: Steps;
  readonly #health: Health;
  readonly #lane: Lane;
  readonly #progress: Progress;
  #closing: Promise<void> | undefined;
  readonly #shared: SharedMemory;
  readonly #channel: Channel;
  readonly #recoveryMs: number;

  constructor(parts: ExecutorParts) {
    const { plan, group, device, stream, opened } = parts;
    this.plan = plan;
    this.rank = group.rank;
    this.size = group.size;
    this.maxTokens = plan.target.tokens.max;
    this.#device = device;
    this.#stream = stream;
    this.#opened = opened;
    this.#shared = parts.shared;
    this.#channel = parts.channel;
    this.#recoveryMs = parts.recoveryMs;
    const progress = new Progress(device);
    this.#progress = progress;
    this.#staging = new Staging(device, stream, () => this.sync());
    this.#sites = new BoundSites(parts);
    this.#steps = new Steps(this.#sites, plan);
    const standing = new Standing(this.#progress, this.#sites, this.#steps);
    const recaptured = new Set(
      [...opened].flatMap(([backend, kernels]) => (kernels.recaptures ? [backend] : [])),
    );
    this.#health = new Health({
      ...parts,
      abort: parts.shared.abort,
      kernels: [...opened.values()],
      status: () => standing.status(),
      nameAt: (start) => standing.nameAt(start),
      dropGraphs: () => this.#steps.drop(recaptured, stream),
      restarted: () => progress.restart(),
      settled: () => progress.settle(),
    });
    this.#lane = new Lane({
      device,
      stream,
      sites: this.#sites,
      steps: this.#steps,
      progress,
      health: this.#health,
    });
    setLane(this, this.#lane);
  }

  /** What the buffers of a site hold. @throws UsageError for a site that the plan does not have */
  specs(site: string): SiteSpecs {
    return this.#sites.specs(site);
  }

  /** A buffer of this rank's device. */
  allocate(spec: BufferSpec): DeviceBuffer {
    this.#health.requireOpen();
    return DeviceBuffer.allocate(this.#device, spec);
  }

  /** A buffer over memory that another part of the process owns. */
  view(spec: BufferSpec, address: bigint, bytes: number): DeviceBuffer {
    this.#health.requireOpen();
    return new DeviceBuffer(spec, this.#device.view(address, bytes));
  }

  /** Buffers for a site, each of its own. The caller closes them after the executor. */
  allocateSite(site: string): SiteBuffers {
    return allocateSite(this.specs(site), (spec) => this.allocate(spec));
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
    this.#health.requireOpen();
    return this.#sites.bind(site, buffers);
  }

  /**
   * Enqueues a site. Errors of the device come from `step()` and `sync()`.
   * @throws UsageError for an id or a token count that does not exist
   */
  launch(id: number, tokens: number): void {
    this.#lane.launch(id, tokens);
  }

  /** A sequence of bound sites that runs as one. @returns id for `capture`, `enqueue` and `step` */
  defineStep(bindings: readonly number[]): number {
    this.#health.requireOpen();
    return this.#steps.define(bindings);
  }

  /**
   * Captures a step as one graph per bucket. A later `step()` of up to as many tokens replays it, with as many rows as the
   * bucket has. By default the plan's buckets up to the largest that runs as a graph.
   */
  capture(id: number, buckets?: readonly number[]): void {
    this.#health.requireOpen();
    this.#steps.capture(id, this.#stream, buckets);
  }

  /** Enqueues a step without waiting: one graph where one was captured, else its sites one after the other. */
  enqueue(id: number, tokens: number): void {
    this.#lane.enqueue(id, tokens);
  }

  /**
   * Runs a step and waits for it.
   * @throws as `sync`
   */
  async step(id: number, tokens: number): Promise<void> {
    this.enqueue(id, tokens);
    await this.sync();
  }

  /**
   * Waits until everything enqueued has run.
   * @throws DeadlineError, the same at every rank, with the site, the kernel, the token count and which ranks have come:
   * the ranks have recovered then, what was enqueued since the last wait is void, and the next launches work.
   * PeerLostError or DeviceError when the executor cannot go on
   */
  async sync(): Promise<void> {
    await this.#health.wait();
  }

  /**
   * Waits for what runs, here and at the other ranks, and frees everything but the buffers. All ranks close; one that closes
   * alone waits for the others as long as for a stage of a recovery. May be called more than once, and settles when all is
   * freed. When kernels of this rank do not end, the device is abandoned: what they hold is left to the end of the
   * process.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Waits for the other ranks, unless they do not come. */
  async #meet(): Promise<void> {
    await this.#channel.barrier({ timeoutMs: this.#recoveryMs }).catch(() => {});
  }

  async #close(): Promise<void> {
    const rested = await this.#health.close();
    if (!rested) this.#device.abandon();
    // Kernels of other ranks may still read what this rank's kernels hold.
    await this.#meet();
    this.#sites.close();
    this.#steps.close();
    this.#progress.close();
    if (rested) await closeKernels(this.#opened);
    this.#sites.free();
    this.#staging.close();
    this.#shared.unmap();
    if (this.#shared.allocations > 0) await this.#meet();
    this.#shared.free();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
