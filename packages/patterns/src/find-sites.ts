import { type Graph, type NodeId, opBase } from '@arfuse/graph';
import { type Attempts, attemptsAt, sentence } from './fusions/attempts.ts';
import type { Draft } from './fusions/draft.ts';
import { DEFAULT_FUSIONS, type Fusion } from './fusions/fusion.ts';
import type { AlreadyFused, Matching, Miss, SiteMatch } from './matching.ts';
import { readFused } from './spellings/already-fused.ts';
import { ALREADY_FUSED } from './spellings/fused-ops.ts';
import { DEFAULT_SPELLINGS } from './spellings/index.ts';
import { Lifted } from './spellings/lifted.ts';
import type { Spelling } from './spellings/spelling.ts';
import type { MatchStatistics } from './statistics.ts';
import { surroundings } from './surroundings.ts';

/** What matching is done with. */
export interface FindSitesOptions {
  /** Further spellings, tried after the default ones. */
  readonly spellings?: readonly Spelling[];
  /** Further fusions, tried before the default ones. */
  readonly fusions?: readonly Fusion[];
  /** Counts per rule; off by default. */
  readonly statistics?: MatchStatistics;
}

/**
 * Finds every all-reduce chain of a graph, in time linear in its size. Each all-reduce is in exactly one of
 * `sites` and `misses`; a miss says why.
 *
 * @example
 * const { sites, misses } = findSites(graph);
 */
export function findSites(graph: Graph, options: FindSitesOptions = {}): Matching {
  const spellings = options.spellings
    ? [...DEFAULT_SPELLINGS, ...options.spellings]
    : DEFAULT_SPELLINGS;
  const fusions = options.fusions ? [...options.fusions, ...DEFAULT_FUSIONS] : DEFAULT_FUSIONS;
  const lifted = new Lifted(graph, spellings, options.statistics);
  const attempts = lifted.allReduces.map((op) =>
    attemptsAt(op, fusions, lifted, options.statistics),
  );
  const { sites, misses } = choose(attempts, lifted);
  const alreadyFused = findFused(lifted);
  const allReduces = [...new Set(lifted.allReduces.map((op) => op.node))];
  const uses = [
    ...lifted.allReduces.map((op) => ({ node: op.node, group: op.group })),
    ...alreadyFused.map(({ node, group }) => ({ node, group })),
  ].sort((a, b) => graph.position(a.node) - graph.position(b.node));
  return {
    sites,
    misses,
    alreadyFused,
    allReduces,
    groups: [...new Set(uses.map(({ group }) => group))],
    ...surroundings(lifted, allReduces, alreadyFused),
  };
}

/**
 * Gives each all-reduce its best site. The later all-reduce chooses first: a sum of two belongs to the one whose
 * result comes last. Sites that carry an f32 residual stand only together, so they are dropped until all agree.
 */
function choose(
  attempts: readonly Attempts[],
  { graph, flow }: Lifted,
): { sites: SiteMatch[]; misses: Miss[] } {
  const barred = new Map<Draft, string>();
  for (;;) {
    const claimed = new Map<NodeId, Draft>();
    const chosen = new Map<Attempts, Draft>();
    const blocked = new Map<Attempts, NodeId>();
    for (const attempt of [...attempts].reverse()) {
      if (claimed.has(attempt.op.node)) continue;
      for (const draft of attempt.drafts) {
        if (barred.has(draft)) continue;
        const taken = draft.site.covered.find((id) => claimed.has(id));
        if (taken !== undefined) {
          blocked.set(attempt, taken);
          continue;
        }
        chosen.set(attempt, draft);
        for (const id of draft.site.covered) claimed.set(id, draft);
        break;
      }
    }
    const before = barred.size;
    const drafts = [...chosen.values()];
    for (const draft of drafts) {
      const reason = disagreement(draft, drafts, claimed);
      if (reason !== undefined) barred.set(draft, reason);
    }
    if (barred.size > before) continue;

    const unplaced = (attempt: Attempts): Miss => {
      const taken = blocked.get(attempt);
      const allReduce = attempt.op.node;
      if (taken !== undefined)
        return {
          allReduce,
          phase: 'use',
          node: taken,
          reason: `\`${graph.node(taken).name}\` belongs to the site of another all-reduce.`,
        };
      const alone = attempt.drafts.find((draft) => barred.has(draft))!;
      return {
        allReduce,
        phase: 'use',
        node: carrier(alone),
        reason: sentence(barred.get(alone)!),
      };
    };
    const sites = drafts
      .map(({ site }) => site)
      .sort((a, b) => graph.position(a.allReduces[0]!) - graph.position(b.allReduces[0]!));
    const misses: Miss[] = [];
    for (const attempt of attempts) {
      if (claimed.has(attempt.op.node)) continue;
      // A coalesced call is one node with several results, and one miss.
      if (misses.at(-1)?.allReduce === attempt.op.node) continue;
      misses.push('miss' in attempt ? attempt.miss : unplaced(attempt));
    }
    return { sites, misses };
  }

  /** Why a carried residual has no partner, or undefined. */
  function disagreement(
    draft: Draft,
    drafts: readonly Draft[],
    claimed: ReadonlyMap<NodeId, Draft>,
  ): string | undefined {
    const name = (id: NodeId): string => graph.node(id).name;
    for (const { value, by } of draft.carriedOut) {
      const reader = by === null ? undefined : claimed.get(by);
      if (
        by !== null &&
        reader?.carriedIn !== undefined &&
        flow.root(reader.carriedIn) === flow.root(value)
      )
        continue;
      return `\`${by === null ? 'the program' : name(by)}\` also reads \`${graph.value(value).name}\`, the sum before it is rounded, which no fused form produces.`;
    }
    const { carriedIn } = draft;
    if (carriedIn === undefined) return undefined;
    const maker = graph.producer(flow.root(carriedIn));
    const from = maker && claimed.get(maker.id);
    if (from && drafts.includes(from) && from !== draft && from.carriedOut.length > 0)
      return undefined;
    return `the residual \`${graph.value(carriedIn).name}\` is in f32, the all-reduce in ${draft.site.dtype}.`;
  }

  function carrier(draft: Draft): NodeId {
    return draft.carriedOut[0]?.by ?? draft.carriedOut[0]?.node ?? draft.site.allReduces.at(-1)!;
  }
}

function findFused(lifted: Lifted): AlreadyFused[] {
  const { graph } = lifted;
  return ALREADY_FUSED.flatMap((row) =>
    graph.nodesOf(opBase(row.op)).flatMap((node) => readFused(row, node, lifted) ?? []),
  ).sort((a, b) => graph.position(a.node) - graph.position(b.node));
}
