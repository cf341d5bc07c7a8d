import { type LaunchMode, type Plan, PlanError, type PlanSegment } from '@arfuse/contract';
import { type Graph, GraphEditor } from '@arfuse/graph';
import { type FindSitesOptions, findSites } from '@arfuse/patterns';
import { pairSites } from './pair-sites.ts';
import { SITE_OP, SiteRewriter, STEP_OP } from './site-rewriter.ts';

export { SITE_OP, STEP_OP };

/** How a graph is rewritten. */
export interface RewriteOptions extends FindSitesOptions {
  /**
   * Rewrites for launches of this many tokens: one `arfuse.step` node per step. Without it each site becomes one
   * `arfuse.site` node that stands for all its segments.
   */
  readonly tokens?: number;
  /** Launch mode; by default graph mode up to the target's `graphUpTo`. */
  readonly mode?: LaunchMode;
}

/**
 * The segment of a class that serves a launch.
 * @throws PlanError when no segment contains the token count
 */
export function segmentFor(
  plan: Plan,
  classId: string,
  tokens: number,
  mode?: LaunchMode,
): PlanSegment {
  const wanted = mode ?? (tokens <= plan.target.tokens.graphUpTo ? 'graph' : 'eager');
  const decision = plan.decisions.find((candidate) => candidate.class === classId);
  const serves = ({ tokens: [min, max] }: PlanSegment): boolean =>
    Number.isInteger(tokens) && min <= tokens && tokens <= max;
  const within = decision?.segments.filter(serves) ?? [];
  const segment = within.find((candidate) => candidate.mode === wanted) ?? within[0];
  if (!segment) {
    throw new PlanError({
      message: `the plan decides nothing for class ${classId} at ${tokens} tokens.`,
      hint: `Its domain is 1 to ${plan.target.tokens.max} tokens.`,
      details: { class: classId, tokens },
    });
  }
  return segment;
}

/**
 * The graph with every site of the plan replaced: outputs that escape are re-pointed to the results of the new
 * nodes, and so are residuals that travel from one site to the next. Nodes outside the sites are shared with the
 * given graph, which stays as it is.
 *
 * @throws PlanError when the plan was not made from this graph or decides nothing for `tokens`
 */
export function rewrite(graph: Graph, plan: Plan, options: RewriteOptions = {}): Graph {
  const paired = pairSites(graph, plan, findSites(graph, options));
  const editor = new GraphEditor(graph);
  const rewriter = new SiteRewriter(graph, editor);
  for (const site of paired) {
    if (options.tokens === undefined) rewriter.whole(site);
    else rewriter.steps(site, segmentFor(plan, site.class.id, options.tokens, options.mode));
  }
  return editor.finish();
}
