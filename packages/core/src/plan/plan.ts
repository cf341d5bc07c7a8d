import {
  type Backend,
  BackendError,
  checkBackend,
  DEFAULT_ALLOWED_DEVIATIONS,
  type Kernel,
  type Plan,
  type PlanDecision,
  type PlanPlain,
  type PlanSlice,
  type Policy,
  type Target,
  type ThresholdTable,
} from '@arfuse/contract';
import type { Engine } from '@arfuse/engines';
import type { Graph } from '@arfuse/graph';
import { nccl } from '@arfuse/nccl';
import { type FindSitesOptions, findSites, type Matching } from '@arfuse/patterns';
import { type EngineOptions, engineOf } from '../engine/open.ts';
import { type EngineClass, planEngine } from '../engine/plan-engine.ts';
import { type EvidenceSource, tableEvidence } from '../evidence/index.ts';
import { native } from '../norm/backend.ts';
import { defaultPolicy } from '../policy/default-policy.ts';
import { checkTarget } from '../target/check-target.ts';
import { checkGraphGroups, groupOf } from '../target/groups.ts';
import { parseTarget } from '../target/parse-target.ts';
import { requireBatchInvariance } from './batch-invariance.ts';
import { ClassDecider, type DecisionContext, LADDER } from './decide-class.ts';
import { fatesOf } from './fates.ts';
import { sealPlan } from './hash.ts';
import { emptyPlanNote, engineNotes, missingWinners, policyRemarks } from './notes.ts';
import { plainClasses } from './plain-classes.ts';
import { classifySites, countMerged } from './site-classes.ts';
import { sliceOf } from './slices.ts';

/** What a plan is made with. */
export interface PlanOptions extends FindSitesOptions, EngineOptions {
  /** Where the plan will run: a target, or its text (`h200-sxm,world=2`). */
  readonly target: Target | string;
  /** Backends in addition to NCCL and arfuse's own norm, which are always candidates. Order does not matter. */
  readonly use?: readonly Backend[];
  /** Tables in addition to the built-in ones and those that backends bring. */
  readonly tables?: readonly ThresholdTable[];
  /** Default: `defaultPolicy()`. */
  readonly policy?: Policy;
  /** What `findSites` said about this graph, when it is known already. */
  readonly matching?: Matching;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The given backends and the two that every plan has, by name; a given one replaces the built-in of its name. */
function backendsOf(use: readonly Backend[]): Backend[] {
  const found = new Map<string, Backend>();
  for (const backend of use) {
    checkBackend(backend);
    if (found.has(backend.name)) {
      throw new BackendError({
        message: `backend "${backend.name}" is given twice.`,
        hint: 'List each backend once in `use`.',
        details: { backend: backend.name },
      });
    }
    found.set(backend.name, backend);
  }
  for (const backend of [nccl(), native()])
    if (!found.has(backend.name)) found.set(backend.name, backend);
  return [...found.values()].sort((a, b) => byText(a.name, b.name));
}

function resolveTarget(given: Target | string, engine: EngineOptions['engine']): Target {
  const target = typeof given === 'string' ? parseTarget(given) : checkTarget(given);
  const id = typeof engine === 'object' ? engine.id : engine;
  return id === undefined ? target : checkTarget({ ...target, engine: id });
}

/**
 * Decides for every site class of a graph, and for its plain all-reduces, which kernels run it in which token range.
 * Pure: the same graph, target, backends, tables and policy give the same bytes on every platform; nothing is probed,
 * loaded or launched.
 *
 * @throws TargetError for a malformed target or a group size that the graph contradicts; PolicyError when a rule cannot
 *   be obeyed; BackendError, TableError and SpecificationVersionError for what is handed in
 */
export function plan(graph: Graph, options: PlanOptions): Plan {
  const target = resolveTarget(options.target, options.engine);
  const engine = engineOf(target, options);
  const matching = options.matching ?? findSites(graph, options);
  const backends = backendsOf(options.use ?? []);
  const source = tableEvidence([
    ...(options.tables ?? []),
    ...backends.flatMap((backend) => backend.tables ?? []),
  ]);
  return planMatching(graph, matching, {
    target,
    backends,
    source,
    policy: options.policy ?? defaultPolicy(),
    ...(engine ? { engine } : {}),
  });
}

/** What a decided class is inside the engine. */
function engineClassOf(decider: ClassDecider): EngineClass {
  const { site, target, group } = decider.scope;
  return {
    site,
    scope: { site, target, group, groupName: decider.groupName },
    cells: decider.engineCells,
    evidence: ({ today, rows, mode }) =>
      decider.evidence(
        {
          kernels: today.steps.map(({ kernel }) => kernel),
          covers: today.steps.map(({ covers }) => covers),
        },
        { tokens: rows, mode },
        LADDER,
      ),
  };
}

export interface MatchedPlanOptions {
  readonly target: Target;
  /** Sorted by name. */
  readonly backends: readonly Backend[];
  readonly source: EvidenceSource;
  readonly policy: Policy;
  readonly engine?: Engine;
}

/** {@link plan} with everything resolved. */
export function planMatching(graph: Graph, matching: Matching, options: MatchedPlanOptions): Plan {
  const { target, backends, source, policy, engine } = options;
  const names = matching.groups;
  checkGraphGroups(target, names, graph.meta.groupSizes);
  const groups = names.map((name) => ({ name, ...groupOf(target, name) }));
  const kernels: Kernel[] = backends.flatMap((backend) => backend.kernels);
  const installed = new Set(kernels.map((kernel) => kernel.id));
  const classified = classifySites(graph, matching, names);
  const context: DecisionContext = {
    target,
    kernels,
    policy,
    source,
    allowedDeviations: new Set(policy.allowDeviations ?? DEFAULT_ALLOWED_DEVIATIONS),
    ...(engine ? { engine } : {}),
  };
  const inEngine: EngineClass[] = [];
  const notes: string[] = [];
  const decide = (decider: ClassDecider): Pick<PlanDecision, 'segments' | 'candidates'> => {
    const segments = decider.segments();
    const candidates = fatesOf(decider, segments);
    notes.push(...policyRemarks(decider));
    // What an engine cannot dispatch is no advice for it.
    if (!engine) notes.push(...missingWinners(decider, source, installed));
    else inEngine.push(engineClassOf(decider));
    return { segments, candidates };
  };
  const decisions = classified.classes.map(
    (site): PlanDecision => ({
      class: site.id,
      sites: classified.sitesOf.get(site.id) ?? [],
      ...decide(new ClassDecider(site, groups[site.group]!, context)),
    }),
  );
  const plain = plainClasses(graph, matching, names).map(
    ({ class: site, allReduces }): PlanPlain => ({
      id: site.id,
      allReduces,
      group: site.group,
      hidden: site.hidden,
      dtype: site.dtype,
      ...decide(new ClassDecider(site, groups[site.group]!, context)),
    }),
  );
  const inside = engine && planEngine(engine, target, graph, names, classified.sites, inEngine);
  if (policy.batchInvariant) requireBatchInvariance({ decisions, plain });
  const slices: Record<string, PlanSlice> = {};
  for (const [id, { match, site }] of classified.firstMatch)
    slices[id] = sliceOf(graph, match, site);
  const summary: Plan['summary'] = {
    nodes: graph.nodes.length,
    allReduces: matching.allReduces.length,
    sites: matching.sites.length,
    merged: countMerged(matching),
    plain: matching.misses.length,
    alreadyFused: matching.alreadyFused.length,
    ...(inside ? { engineFused: inside.sites.filter(({ fused }) => fused).length } : {}),
  };
  return sealPlan({
    specificationVersion: 1,
    kind: 'arfuse.plan',
    summary,
    target,
    ...(inside ? { engine: inside } : {}),
    tables: source.tables,
    backends: backends.map(({ name, version }) => ({ name, version })),
    groups,
    classes: classified.classes,
    sites: classified.sites,
    misses: matching.misses.map((miss) => ({
      allReduce: graph.node(miss.allReduce).name,
      phase: miss.phase,
      node: graph.node(miss.node).name,
      reason: miss.reason,
    })),
    alreadyFused: classified.alreadyFused,
    decisions,
    plain,
    notes: [...emptyPlanNote(summary), ...engineNotes(inside), ...notes],
    slices,
  });
}
