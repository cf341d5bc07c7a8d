import { type PlanSite, UsageError } from '@arfuse/contract';
import { explain, formatRewrite, rewrite } from '@arfuse/core';
import { type PlannedInput, type PlanOptions, planOrGraph } from '../load/plan-input.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface ExplainOptions extends PlanOptions {
  readonly site?: string;
  /** Tokens of the launches to show the rewritten nodes for; true for the form that stands for all of them. */
  readonly rewrite?: number | true;
}

/** What the rewrite replaces by what, of the given sites. */
function rewriteText(
  { plan, graph }: PlannedInput,
  sites: readonly PlanSite[],
  tokens: number | true,
): string {
  if (!graph) {
    throw new UsageError({
      message: 'a plan holds no whole graph to rewrite.',
      hint: 'Give the captured graph and --target to --rewrite.',
    });
  }
  const after = rewrite(graph, plan, tokens === true ? {} : { tokens });
  const names = new Set(sites.flatMap((site) => site.allReduces));
  return formatRewrite(graph, after, ({ removed }) => removed.some(({ name }) => names.has(name)));
}

/** A text whose lines are wrapped with a hanging indent. */
function wrapLines(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const lead = /^ *[-+]? */.exec(line)![0];
      return paragraph(line.slice(lead.length), lead, lead.length + 2);
    })
    .join('\n');
}

/** Most ids that a message lists. */
const LISTED = 80;

/** `arfuse explain GRAPH|PLAN [--site ID] [--rewrite [TOKENS]]`: why each range runs what it runs. */
export async function explainCommand(
  path: string,
  options: ExplainOptions,
  console: Console,
): Promise<number> {
  const input = await planOrGraph(path, options, console);
  const { plan } = input;
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
  const rewritten =
    options.rewrite === undefined ? undefined : rewriteText(input, sites, options.rewrite);
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
    ...(rewritten === undefined ? {} : { rewrite: rewritten }),
  });
  console.line(text.trimEnd());
  if (rewritten !== undefined) console.line(`\n${wrapLines(rewritten)}`);
  return EXIT.fine;
}
