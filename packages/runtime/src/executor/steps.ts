import { type DeviceGraph, type DeviceStream, type Plan, splitKernelId } from '@arfuse/contract';
import { type BoundSites, segmentAt } from './bound-sites.ts';
import { unknownId } from './failures.ts';
import { checkInteger } from './options.ts';

/** A step as one graph for a bucket of tokens. */
export interface CapturedStep {
  readonly bucket: number;
  readonly graph: DeviceGraph;
  readonly collectives: number;
}

/** A sequence of bound sites, with the graphs that were captured of it. */
export class Step {
  readonly bindings: readonly number[];
  readonly #captured: CapturedStep[] = [];
  /** By token count: index of the graph with the smallest bucket that holds so many; −1 where there is none. */
  readonly #served: Int16Array;

  constructor(bindings: readonly number[], maxTokens: number) {
    this.bindings = [...bindings];
    this.#served = new Int16Array(maxTokens + 1).fill(-1);
  }

  /** What a step of so many tokens replays. */
  capturedFor(tokens: number): CapturedStep | undefined {
    const index = this.#served[tokens]!;
    return index < 0 ? undefined : this.#captured[index];
  }

  /** Captures one bucket, unless it is captured already. */
  capture(bucket: number, sites: BoundSites, stream: DeviceStream): void {
    if (this.#captured.some((captured) => captured.bucket === bucket)) return;
    let collectives = 0;
    stream.beginCapture();
    try {
      for (const id of this.bindings) {
        const site = sites.get(id);
        const segment = site.segments[segmentAt(site, 'graph', bucket)]!;
        for (const launch of segment.launches) stream.enqueue(launch, bucket);
        collectives += segment.collectives;
      }
    } catch (error) {
      stream.endCapture().close();
      throw error;
    }
    this.#captured.push({ bucket, graph: stream.endCapture(), collectives });
    this.#serve();
  }

  /** Closes graphs with launches of these backends. @returns their buckets */
  drop(backends: ReadonlySet<string>, sites: BoundSites): number[] {
    const holds = (bucket: number): boolean =>
      this.bindings.some((id) => {
        const site = sites.get(id);
        const { kernels } = site.segments[segmentAt(site, 'graph', bucket)]!;
        return kernels.some((kernel) => backends.has(splitKernelId(kernel).backend));
      });
    const dropped = this.#captured.filter(({ bucket }) => holds(bucket));
    for (const captured of dropped) {
      captured.graph.close();
      this.#captured.splice(this.#captured.indexOf(captured), 1);
    }
    this.#serve();
    return dropped.map(({ bucket }) => bucket);
  }

  close(): void {
    for (const { graph } of this.#captured.splice(0)) graph.close();
    this.#serve();
  }

  #serve(): void {
    this.#served.fill(-1);
    this.#captured.sort((a, b) => a.bucket - b.bucket);
    let next = 0;
    for (const [index, { bucket }] of this.#captured.entries()) {
      this.#served.fill(index, next, bucket + 1);
      next = bucket + 1;
    }
  }
}

/** The steps of a rank by id. */
export class Steps {
  readonly #sites: BoundSites;
  readonly #plan: Plan;
  readonly #steps: Step[] = [];

  constructor(sites: BoundSites, plan: Plan) {
    this.#sites = sites;
    this.#plan = plan;
  }

  /** @throws UsageError */
  get(id: number): Step {
    const step = this.#steps[id];
    if (step) return step;
    throw unknownId('step', id);
  }

  define(bindings: readonly number[]): number {
    for (const id of bindings) this.#sites.get(id);
    this.#steps.push(new Step(bindings, this.#plan.target.tokens.max));
    return this.#steps.length - 1;
  }

  capture(id: number, stream: DeviceStream, buckets?: readonly number[]): void {
    const step = this.get(id);
    const { graphUpTo, buckets: planned, max } = this.#plan.target.tokens;
    const wanted = buckets ?? planned.filter((bucket) => bucket <= graphUpTo);
    for (const bucket of wanted) {
      checkInteger('bucket', bucket, 1, max);
      step.capture(bucket, this.#sites, stream);
    }
  }

  /** Closes graphs with launches of these backends, whose reset makes them void. @returns captures them again */
  drop(backends: ReadonlySet<string>, stream: DeviceStream): () => void {
    const dropped = this.#steps.map((step) => ({
      step,
      buckets: step.drop(backends, this.#sites),
    }));
    return () => {
      for (const { step, buckets } of dropped)
        for (const bucket of buckets) step.capture(bucket, this.#sites, stream);
    };
  }

  close(): void {
    for (const step of this.#steps.splice(0)) step.close();
  }
}
