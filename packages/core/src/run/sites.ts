import { type Plan, UsageError } from '@arfuse/contract';

/**
 * The named sites of a plan, in the given order; all where none is named.
 * @throws UsageError for a site that the plan does not have
 */
export function sitesOf(plan: Plan, wanted: readonly string[] | undefined): Plan['sites'] {
  if (!wanted) return plan.sites;
  return wanted.map((id) => {
    const site = plan.sites.find((candidate) => candidate.id === id);
    if (site) return site;
    throw new UsageError({
      message: `the plan has no site "${id}".`,
      hint: `Its sites are ${plan.sites[0]?.id ?? 'none'} … ${plan.sites.at(-1)?.id ?? ''}.`,
      details: { site: id },
    });
  });
}
