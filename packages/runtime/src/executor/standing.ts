import type { BoundSites } from './bound-sites.ts';
import type { Mark, Progress } from './progress.ts';
import type { Launched, LaunchName, RankStatus } from './status.ts';
import type { Steps } from './steps.ts';

/** FNV-1a over whole numbers. */
function hash(numbers: Iterable<number>): number {
  let state = 0x811c9dc5;
  for (const number of numbers) state = Math.imul(state ^ number, 0x01000193) >>> 0;
  return state;
}

/** Says where one rank stands, in words that all ranks share: ids of sites, not of bindings. */
export class Standing {
  readonly #progress: Progress;
  readonly #sites: BoundSites;
  readonly #steps: Steps;
  /** As they were when the status was asked for. */
  #pending: readonly Mark[] = [];
  #enqueued = 0;

  constructor(progress: Progress, sites: BoundSites, steps: Steps) {
    this.#progress = progress;
    this.#sites = sites;
    this.#steps = steps;
  }

  status(): RankStatus {
    this.#enqueued = this.#progress.enqueued;
    this.#pending = this.#progress.pending();
    return {
      enqueued: this.#enqueued,
      pending: this.#pending.map((mark) => this.#launched(mark)),
    };
  }

  /** What this rank had launched behind so many collectives; undefined when it had launched nothing there. */
  nameAt(start: number): LaunchName | undefined {
    if (start >= this.#enqueued) return undefined;
    const mark = this.#pending.findLast((pending) => pending.start <= start);
    return mark && (mark.captured ? this.#stepName(mark) : this.#siteName(mark));
  }

  #launched({ id, captured, tokens, start }: Mark): Launched {
    const bindings = captured ? this.#steps.get(id).bindings : [id];
    const ordinals = bindings.map((binding) => this.#sites.get(binding).ordinal);
    return { start, sameness: hash([captured ? 1 : 0, tokens, ...ordinals]) };
  }

  #siteName({ id, tokens }: Mark): LaunchName {
    const { site, segments, eager } = this.#sites.get(id);
    const kernel = segments[eager[tokens]!]!.kernels.join(' + ');
    return { what: `site ${site.id} (${kernel})`, tokens, details: { site: site.id, kernel } };
  }

  #stepName({ id, tokens }: Mark): LaunchName {
    const bound = this.#steps.get(id).bindings.map((binding) => this.#sites.get(binding));
    const sites = bound.map(({ site }) => site.id);
    const kernels = [
      ...new Set(bound.flatMap(({ segments, graph }) => segments[graph[tokens]!]!.kernels)),
    ];
    const list = sites.length > 1 ? `${sites[0]} … ${sites.at(-1)}` : `${sites[0]}`;
    const what = `a captured step of ${sites.length} ${sites.length === 1 ? 'site' : 'sites'} (${list}; ${kernels.join(', ')})`;
    return { what, tokens, details: { sites, kernels } };
  }
}
