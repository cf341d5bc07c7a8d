import { type LaunchMode, type Plan, UsageError } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import { type FindSitesOptions, findSites } from '@arfuse/patterns';
import { type PairedSite, pairSites } from '../rewrite/pair-sites.ts';
import { rewrite, segmentFor } from '../rewrite/rewrite.ts';
import { ranksFor } from './evaluated-class.ts';
import {
  type ChainVerification,
  describeFailure,
  formatUlps,
  type VerifyReport,
} from './report.ts';
import { ChainVerifier } from './verify-chain.ts';
import { verifyClasses } from './verify-class.ts';

/** What is evaluated. */
export interface VerifyOptions extends FindSitesOptions {
  /** Row counts to evaluate. Default 1, 7 and 64. */
  readonly tokens?: readonly number[];
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number;
}

const DEFAULT_TOKENS = [1, 7, 64];

/** Row count of the chain comparison: every kind of row once. */
const CHAIN_ROWS = 7;

function checkOptions({ tokens = DEFAULT_TOKENS, seed = 1 }: VerifyOptions): {
  tokens: readonly number[];
  seed: number;
} {
  for (const count of tokens) {
    if (!Number.isInteger(count) || count < 1 || count > 4096) {
      throw new UsageError({
        message: `tokens: ${count} is no row count to verify.`,
        hint: 'Use whole numbers from 1 to 4096.',
        details: { tokens },
      });
    }
  }
  if (tokens.length === 0)
    throw new UsageError({
      message: 'tokens: the list is empty.',
      hint: 'Give at least one row count.',
    });
  return { tokens, seed };
}

/**
 * Proves a plan numerically on simulated ranks.
 *
 * Per site class and distinct composition of steps: the raw nodes of the captured graph against the class (the same
 * real-valued function to 1e-10), the steps against an oracle with their numerics record (residual 0 ULP, norm ≤ 1 ULP,
 * quantised bytes and scales exact given the norm), and the steps against the raw nodes with their dtypes (within the
 * bound of each deviation). With the graph also every pair of consecutive sites of the rewritten graph: each reader reads
 * the value that it read before.
 *
 * @throws PlanError when the plan does not belong to the graph; UnsupportedError for a raw op that cannot be evaluated
 */
export function verify(
  plan: Plan,
  options: VerifyOptions & { readonly graph?: Graph } = {},
): VerifyReport {
  const { tokens, seed } = checkOptions(options);
  const { tokens: _, seed: __, graph: ___, ...finding } = options;
  const classes = verifyClasses(plan, tokens, seed);
  const chains = options.graph ? verifyChains(options.graph, plan, finding, seed) : [];
  const notes: string[] = [];
  if (!options.graph)
    notes.push(
      'Verified without the graph: classes are proven, the wiring between sites is not. Give the graph to prove both.',
    );
  if (plan.sites.length === 0) notes.push('The plan has no sites: there is nothing to prove.');
  return {
    passed: classes.every((of) => of.passed) && chains.every((of) => of.passed),
    seed,
    tokens,
    classes,
    chains,
    notes,
  };
}

/**
 * Compares a rewritten graph with the captured one: what every reader outside two consecutive sites reads.
 * @param perTokens - the token count that the graph was rewritten for, or undefined for one node per site
 */
export function verifyRewrite(
  graph: Graph,
  rewritten: Graph,
  plan: Plan,
  options: VerifyOptions & { readonly perTokens?: number; readonly mode?: LaunchMode } = {},
): ChainVerification[] {
  const { seed } = checkOptions(options);
  const paired = pairSites(graph, plan, findSites(graph, options));
  return windowsOf(paired).map((window) => {
    const ranks = ranksFor(plan, window[0]!.class.group);
    const { perTokens, mode } = options;
    return new ChainVerifier(
      { graph, rewritten, plan, ranks, rows: CHAIN_ROWS, tokens: perTokens, mode, seed },
      window,
      paired,
    ).run();
  });
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

function verifyChains(
  graph: Graph,
  plan: Plan,
  options: FindSitesOptions,
  seed: number,
): ChainVerification[] {
  if (plan.sites.length === 0) return [];
  const chains = verifyRewrite(graph, rewrite(graph, plan, options), plan, { ...options, seed });
  const seen = new Set<string>();
  for (const decision of plan.decisions) {
    for (const segment of decision.segments) {
      const [perTokens] = segment.tokens;
      const key = plan.decisions
        .filter((of) => of.sites.length > 0)
        .map((of) =>
          segmentFor(plan, of.class, perTokens)
            .steps.map((step) => step.kernel)
            .join('+'),
        )
        .join(' ');
      if (decision.sites.length === 0 || seen.has(key)) continue;
      seen.add(key);
      const rewritten = rewrite(graph, plan, { ...options, tokens: perTokens });
      chains.push(...verifyRewrite(graph, rewritten, plan, { ...options, seed, perTokens }));
    }
  }
  return chains;
}

/** One sentence per failure, naming the output or reader and the ULPs. */
export function describeFailures(report: VerifyReport): string[] {
  const sentences: string[] = [];
  for (const of of report.classes) {
    for (const comparison of of.comparisons)
      if (!comparison.passed) sentences.push(describeFailure(of, comparison));
  }
  for (const chain of report.chains) {
    for (const failure of chain.failures) {
      const { difference } = failure;
      sentences.push(
        `sites ${chain.sites.join(' and ')} [${chain.steps.join(' | ')}]: ${failure.reader} read "${failure.was}" and now reads ` +
          `"${failure.reads}", which differs by ${formatUlps(difference.ulps)} ULP at rank ${difference.rank}, row ${difference.row}, ` +
          `column ${difference.column}: expected ${difference.expected}, found ${difference.found}.`,
      );
    }
  }
  return sentences;
}
