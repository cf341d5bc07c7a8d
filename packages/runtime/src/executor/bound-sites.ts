import {
  type Device,
  type DeviceMemory,
  type DevicePlace,
  type Plan,
  type PlanSite,
  splitKernelId,
  UsageError,
} from '@arfuse/contract';
import { type BoundSegment, bindSegments } from './bind-segments.ts';
import { unknownId } from './failures.ts';
import type { OpenedKernels } from './open-kernels.ts';
import {
  allBuffers,
  checkSiteBuffers,
  type SiteBuffers,
  type SiteSpecs,
  siteSpecs,
} from './site-buffers.ts';
import { joinDemands, type PlannedSegment, segmentTable } from './step-demands.ts';

/** A site with its buffers. */
export interface BoundSite {
  readonly site: PlanSite;
  /** Index of the site in the plan. */
  readonly ordinal: number;
  readonly segments: readonly BoundSegment[];
  /** Index of the segment by token count; see `segmentTable`. */
  readonly eager: Int16Array;
  readonly graph: Int16Array;
  close(): void;
}

/** What sites are bound with. */
export interface BoundSitesParts {
  readonly plan: Plan;
  readonly device: Device;
  readonly opened: OpenedKernels;
  /** Segments of each class with their steps. */
  readonly segments: ReadonlyMap<string, readonly PlannedSegment[]>;
}

/** The bound sites of a rank by id, and the memory for values that travel between their steps. */
export class BoundSites {
  readonly #parts: BoundSitesParts;
  /** Largest token count of a launch. */
  readonly maxTokens: number;
  readonly #sites: BoundSite[] = [];
  readonly #temporaries: DeviceMemory[] = [];

  constructor(parts: BoundSitesParts) {
    this.#parts = parts;
    this.maxTokens = parts.plan.target.tokens.max;
  }

  /** @throws UsageError */
  get(id: number): BoundSite {
    const site = this.#sites[id];
    if (site) return site;
    throw unknownId('binding', id);
  }

  specs(id: string): SiteSpecs {
    const { plan } = this.#parts;
    const found = plan.classes.find((of) => of.id === this.#planned(id).class)!;
    return siteSpecs(found, this.maxTokens);
  }

  bind(id: string, buffers: SiteBuffers): number {
    const site = this.#planned(id);
    checkSiteBuffers(site, this.specs(id), buffers);
    const { opened } = this.#parts;
    const planned = this.#parts.segments.get(site.class)!;
    const { segments, launches } = bindSegments({
      buffers,
      segments: planned,
      demands: joinDemands(planned.flatMap(({ steps }) => steps)),
      temporary: (index) => this.#temporary(index),
      prepare: (step) => opened.get(splitKernelId(step.kernel).backend)!.prepare(step),
    });
    const bound = allBuffers(buffers);
    for (const buffer of bound) buffer.retain();
    this.#sites.push({
      site,
      ordinal: this.#parts.plan.sites.indexOf(site),
      segments,
      eager: segmentTable(planned, 'eager', this.maxTokens),
      graph: segmentTable(planned, 'graph', this.maxTokens),
      close: () => {
        for (const launch of launches) launch.close();
        for (const buffer of bound) buffer.release();
      },
    });
    return this.#sites.length - 1;
  }

  /** Lets go of every site; buffers can be closed then. */
  close(): void {
    for (const site of this.#sites.splice(0)) site.close();
  }

  /** Frees the memory between steps, which no kernel may use any more. */
  free(): void {
    for (const memory of this.#temporaries.splice(0)) memory.close();
  }

  #planned(id: string): PlanSite {
    const { sites } = this.#parts.plan;
    const site = sites.find((candidate) => candidate.id === id);
    if (site) return site;
    throw new UsageError({
      message: `the plan has no site "${id}".`,
      hint: `Its sites are ${sites[0]?.id ?? 'none'} … ${sites.at(-1)?.id ?? ''}.`,
      details: { site: id },
    });
  }

  #temporary(index: number): DevicePlace {
    const { plan, device } = this.#parts;
    const widest = Math.max(
      ...plan.classes.map(({ hidden, dtype }) => hidden * (dtype === 'f32' ? 4 : 2)),
    );
    while (this.#temporaries.length <= index)
      this.#temporaries.push(device.allocate(widest * this.maxTokens));
    return { memory: this.#temporaries[index]!, offset: 0 };
  }
}

/** Index of the segment that a table has for a token count. @throws UsageError where the plan decides nothing */
export function segmentAt(
  { site, eager, graph }: BoundSite,
  mode: 'eager' | 'graph',
  tokens: number,
): number {
  const table = mode === 'eager' ? eager : graph;
  const segment = table[tokens];
  if (segment !== undefined && segment >= 0) return segment;
  throw new UsageError({
    message: `site ${site.id} cannot be launched for ${tokens} tokens.`,
    hint: `The plan decides 1 to ${table.length - 1} tokens.`,
    details: { site: site.id, tokens },
  });
}
