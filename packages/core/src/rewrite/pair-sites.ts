import { type Plan, PlanError, type PlanSite, type SiteClass } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import type { Matching, SiteMatch } from '@arfuse/patterns';

/** A site of a plan and where it stands in a graph. */
export interface PairedSite {
  readonly site: PlanSite;
  readonly class: SiteClass;
  readonly match: SiteMatch;
}

/**
 * Finds each site of a plan in a graph.
 * @throws PlanError when the plan was not made from this graph
 */
export function pairSites(graph: Graph, plan: Plan, matching: Matching): PairedSite[] {
  const nameOf = (id: number): string => graph.node(id).name;
  const found = new Map(
    matching.sites.map((match) => [match.allReduces.map(nameOf).join(' + '), match]),
  );
  const classes = new Map(plan.classes.map((site) => [site.id, site]));
  const other = (message: string): never => {
    throw new PlanError({
      message,
      hint: 'The plan was made from another graph, or with other patterns; plan this graph again.',
    });
  };
  if (found.size !== plan.sites.length) {
    other(`the plan has ${plan.sites.length} sites, the graph has ${found.size}.`);
  }
  return plan.sites.map((site) => {
    const key = site.allReduces.join(' + ');
    const match = found.get(key) ?? other(`site ${site.id} (${key}) does not exist in the graph.`);
    const siteClass =
      classes.get(site.class) ??
      other(`site ${site.id} names class "${site.class}", which does not exist.`);
    if (match.group !== site.group || match.hidden !== site.hidden || match.dtype !== site.dtype) {
      other(
        `site ${site.id} is group "${site.group}", hidden ${site.hidden}, ${site.dtype} in the plan, but group ` +
          `"${match.group}", hidden ${match.hidden}, ${match.dtype} in the graph.`,
      );
    }
    return { site, class: siteClass, match };
  });
}
