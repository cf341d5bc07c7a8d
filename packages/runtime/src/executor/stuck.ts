import type { BoundSites } from './bound-sites.ts';
import type { Progress } from './progress.ts';
import type { RankStatus } from './status.ts';
import type { Steps } from './steps.ts';

/** Where a rank stands, with the names of what its stream waits in. */
export function rankStatus(progress: Progress, sites: BoundSites, steps: Steps): RankStatus {
  const { enqueued } = progress;
  const stuck = progress.stuck();
  if (!stuck) return { enqueued };
  const { start, tokens, captured, id } = stuck;
  if (!captured) {
    const { site, segments, eager } = sites.get(id);
    const kernel = segments[eager[tokens]!]!.kernels.join(' + ');
    const what = `site ${site.id} (${kernel})`;
    return { enqueued, stuck: { start, tokens, what, details: { site: site.id, kernel } } };
  }
  const bound = steps.get(id).bindings.map((binding) => sites.get(binding));
  const names = bound.map(({ site }) => site.id);
  const kernels = [
    ...new Set(bound.flatMap(({ segments, graph }) => segments[graph[tokens]!]!.kernels)),
  ];
  const list = names.length > 1 ? `${names[0]} … ${names.at(-1)}` : `${names[0]}`;
  const what = `a captured step of ${names.length} ${names.length === 1 ? 'site' : 'sites'} (${list}; ${kernels.join(', ')})`;
  return { enqueued, stuck: { start, tokens, what, details: { sites: names, kernels } } };
}
