import type { Device, DeviceStream } from '@arfuse/contract';
import type { BoundSegment } from './bind-segments.ts';
import { type BoundSites, segmentAt } from './bound-sites.ts';
import { deviceError } from './failures.ts';
import type { Health } from './health.ts';
import { checkInteger } from './options.ts';
import type { Progress } from './progress.ts';
import type { CapturedStep, Steps } from './steps.ts';

/** What a lane enqueues with. */
export interface LaneParts {
  readonly device: Device;
  readonly stream: DeviceStream;
  readonly sites: BoundSites;
  readonly steps: Steps;
  readonly progress: Progress;
  readonly health: Health;
}

/** What one rank enqueues on its stream. Nothing here allocates. */
export class Lane {
  readonly device: Device;
  readonly stream: DeviceStream;
  readonly #sites: BoundSites;
  readonly #steps: Steps;
  readonly #progress: Progress;
  readonly #health: Health;

  constructor({ device, stream, sites, steps, progress, health }: LaneParts) {
    this.device = device;
    this.stream = stream;
    this.#sites = sites;
    this.#steps = steps;
    this.#progress = progress;
    this.#health = health;
  }

  /** Whether what is enqueued now counts. */
  get sound(): boolean {
    return this.#health.sound;
  }

  /** @throws LimitError when so many launches wait that the driver might block the thread */
  requireRoom(): void {
    this.#progress.requireRoom();
  }

  /** What a launch of a site enqueues. @throws UsageError for an id or a token count that does not exist, and when closed */
  segment(id: number, tokens: number): BoundSegment {
    this.#health.requireOpen();
    const site = this.#sites.get(id);
    return site.segments[segmentAt(site, 'eager', tokens)]!;
  }

  /** What a step replays; undefined when its sites run one by one. @throws as `segment` */
  captured(id: number, tokens: number): CapturedStep | undefined {
    this.#health.requireOpen();
    checkInteger('tokens', tokens, 1, this.#sites.maxTokens);
    return this.#steps.get(id).capturedFor(tokens);
  }

  /** Sites of a step. */
  bindings(id: number): readonly number[] {
    return this.#steps.get(id).bindings;
  }

  /** Enqueues a site. */
  launch(id: number, tokens: number): void {
    const segment = this.segment(id, tokens);
    if (!this.#health.sound) return;
    this.#progress.requireRoom();
    try {
      this.#run(id, segment, tokens);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Enqueues a step: one graph where one was captured, else its sites one after the other. */
  enqueue(id: number, tokens: number): void {
    const captured = this.captured(id, tokens);
    if (!captured) {
      const bindings = this.bindings(id);
      for (let i = 0; i < bindings.length; i += 1) this.launch(bindings[i]!, tokens);
      return;
    }
    if (!this.#health.sound) return;
    this.#progress.requireRoom();
    try {
      this.stream.launch(captured.graph);
      this.replayed(id, captured);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Notes that a site's launches were enqueued. */
  launched(id: number, { collectives }: BoundSegment, tokens: number): void {
    this.#progress.mark(this.stream, id, tokens, collectives, false);
  }

  /** Notes that a step's graph was enqueued. */
  replayed(id: number, { bucket, collectives }: CapturedStep): void {
    this.#progress.mark(this.stream, id, bucket, collectives, true);
  }

  /** What enqueuing failed with is reported by the next wait. */
  fail(error: unknown): void {
    this.#health.break(deviceError(error));
  }

  #run(id: number, segment: BoundSegment, tokens: number): void {
    const { launches } = segment;
    for (let i = 0; i < launches.length; i += 1) this.stream.enqueue(launches[i]!, tokens);
    this.launched(id, segment, tokens);
  }
}

const lanes = new WeakMap<object, Lane>();

/** Lets drivers of several ranks at once reach an executor's lane. */
export function setLane(executor: object, lane: Lane): void {
  lanes.set(executor, lane);
}

export function laneOf(executor: object): Lane {
  return lanes.get(executor)!;
}
