import { UsageError } from '@arfuse/contract';
import { explain } from '@arfuse/core';
import { type PlanOptions, planOrGraph } from '../load/plan-input.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface ExplainOptions extends PlanOptions {
  readonly site?: string;
}

/** Most ids that a message lists. */
const LISTED = 80;

/** `arfuse explain GRAPH|PLAN [--site ID]`: why each range runs what it runs. */
export async function explainCommand(
  path: string,
  options: ExplainOptions,
  console: Console,
): Promise<number> {
  const { plan } = await planOrGraph(path, options, console);
  const sites = plan.sites.filter((site) => options.site === undefined || site.id === options.site);
  if (options.site !== undefined && sites.length === 0) {
    const ids = plan.sites.map((site) => site.id);
    const more = ids.length > LISTED ? ` … ${ids.at(-1)}` : '';
    throw new UsageError({
      message: `the plan has no site "${options.site}".`,
      hint:
        ids.length === 0
          ? 'It has no sites.'
          : `Its sites are ${ids.slice(0, LISTED).join(' ')}${more}.`,
      details: { site: options.site, sites: ids },
    });
  }
  const text = explain(plan, options.site === undefined ? {} : { site: options.site });
  const classes = new Set(sites.map((site) => site.class));
  console.document({
    target: plan.target,
    sites,
    decisions: plan.decisions.filter(
      (decision) => options.site === undefined || classes.has(decision.class),
    ),
    ...(options.site === undefined
      ? { misses: plan.misses, plain: plan.plain ?? [], alreadyFused: plan.alreadyFused }
      : {}),
    text,
  });
  console.line(text.trimEnd());
  return EXIT.fine;
}
