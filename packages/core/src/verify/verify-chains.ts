import { canonicalJson, type LaunchMode, type Plan } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import { type FindSitesOptions, findSites } from '@arfuse/patterns';
import { type PairedSite, pairSites } from '../rewrite/pair-sites.ts';
import { rewrite, segmentFor } from '../rewrite/rewrite.ts';
import { CapturedWindow } from './captured-window.ts';
import { compareReaders, stepsOf } from './compare-readers.ts';
import { ranksFor } from './evaluated-class.ts';
import { checkOptions, type VerifyOptions } from './options.ts';
import type { ChainVerification } from './report.ts';

/** Row count of the chain comparison: every kind of row once. */
const CHAIN_ROWS = 7;

/** The windows of a captured graph, each evaluated once however often the graph is rewritten. */
class Windows {
  readonly #plan: Plan;
  readonly #paired: readonly PairedSite[];
  readonly #captured: readonly CapturedWindow[];

  constructor(graph: Graph, plan: Plan, paired: readonly PairedSite[], seed: number) {
    this.#plan = plan;
    this.#paired = paired;
    this.#captured = windowsOf(paired).map(
      (sites) =>
        new CapturedWindow(graph, sites, ranksFor(plan, sites[0]!.class.group), CHAIN_ROWS, seed),
    );
  }

  compare(graph: Graph, tokens?: number, mode?: LaunchMode): ChainVerification[] {
    const rewritten = { graph, plan: this.#plan, tokens, mode };
    return this.#captured.map((window) => compareReaders(window, rewritten, this.#paired));
  }

  /** The same outcome for a rewritten graph that differs in nothing but the names of its kernels. */
  renamed(chains: readonly ChainVerification[], tokens: number): ChainVerification[] {
    const launch = { plan: this.#plan, tokens, mode: undefined };
    return chains.map((chain, i) => ({
      ...chain,
      steps: this.#captured[i]!.sites.map((paired) => stepsOf(launch, paired)),
    }));
  }
}

/** The first occurrence of every pair of classes that follow each other over one group, and of the last site. */
function windowsOf(paired: readonly PairedSite[]): PairedSite[][] {
  const seen = new Set<string>();
  const windows: PairedSite[][] = [];
  paired.forEach((site, i) => {
    const next = paired[i + 1];
    const window = next && next.class.group === site.class.group ? [site, next] : [site];
    const key = window.map((of) => of.class.id).join(' ');
    if (seen.has(key)) return;
    seen.add(key);
    windows.push(window);
  });
  // The last site has no follower: its residual must be dead or returned.
  const last = paired.at(-1);
  if (last && !windows.some((window) => window.includes(last))) windows.push([last]);
  return windows;
}

/**
 * Compares a rewritten graph with the captured one: what every reader outside two consecutive sites reads.
 * @param options - `perTokens`: the token count that the graph was rewritten for, or undefined for one node per site
 * @throws PlanError when the plan does not belong to the graph; UnsupportedError for a raw op that cannot be evaluated
 */
export function verifyRewrite(
  graph: Graph,
  rewritten: Graph,
  plan: Plan,
  options: VerifyOptions & { readonly perTokens?: number; readonly mode?: LaunchMode } = {},
): ChainVerification[] {
  const { perTokens, mode } = options;
  const paired = pairSites(graph, plan, findSites(graph, options));
  const windows = new Windows(graph, plan, paired, checkOptions(options).seed);
  return windows.compare(rewritten, perTokens, mode);
}

/**
 * Rewrites the graph with one node per site, and with one per step for each combination of steps that segments of the
 * classes make at the same token count, and compares each with the captured graph.
 */
export function verifyChains(
  graph: Graph,
  plan: Plan,
  paired: readonly PairedSite[],
  options: FindSitesOptions,
  seed: number,
): ChainVerification[] {
  if (plan.sites.length === 0) return [];
  const windows = new Windows(graph, plan, paired, seed);
  const chains = windows.compare(rewrite(graph, plan, options));
  const decisions = plan.decisions.filter((decision) => decision.sites.length > 0);
  const named = new Set<string>();
  // Kernels are names in a rewritten graph: graphs whose steps cover the same stages are one.
  const known = new Map<string, readonly ChainVerification[]>();
  for (const [tokens] of decisions.flatMap(({ segments }) => segments.map((of) => of.tokens))) {
    const steps = decisions.map((of) => segmentFor(plan, of.class, tokens).steps);
    const names = canonicalJson(steps.map((of) => of.map((step) => step.kernel)));
    if (named.has(names)) continue;
    named.add(names);
    const key = canonicalJson(steps.map((of) => of.map((step) => step.covers)));
    const found = known.get(key);
    if (found) chains.push(...windows.renamed(found, tokens));
    else {
      const made = windows.compare(rewrite(graph, plan, { ...options, tokens }), tokens);
      known.set(key, made);
      chains.push(...made);
    }
  }
  return chains;
}
