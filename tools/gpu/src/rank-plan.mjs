import { CONFORMANCE_CHAINS, executionPlan } from '@arfuse/conformance';

/** @typedef {import('@arfuse/contract').Plan} Plan */
/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/contract').PlanSegment} PlanSegment */

/**
 * A plan of one class in which one kernel performs the all-reduce, with what follows it where it can, and arfuse's own
 * kernels do the rest.
 *
 * @param {{ chain: string, dtype: 'bf16' | 'f16' | 'f32', hidden: number, size: number, tokens: readonly number[],
 *   collective: string, backends: readonly import('@arfuse/contract').Backend[], capability: number }} given `chain`: a name of
 *   `CONFORMANCE_CHAINS`
 * @returns {{ plan: Plan, site: SiteClass, segment: PlanSegment } | { reasons: readonly string[] }} the segment is that of the
 *   first token count; or why the kernel does not admit one of them
 */
export function rankPlan({ chain: name, collective, ...given }) {
  const chains = CONFORMANCE_CHAINS.filter((chain) => chain.name === name);
  if (chains.length === 0) throw new Error(`there is no chain "${name}"`);
  const { plan, combinations, refusals } = executionPlan({
    ...given,
    chains,
    kernels: [collective],
  });
  const [segment] = combinations[0]?.segments.values() ?? [];
  const site = combinations[0]?.site;
  if (!segment || !site || refusals.length > 0)
    return { reasons: refusals.flatMap(({ reasons }) => reasons) };
  return { plan, site, segment };
}
