import type { PlanAlreadyFused, PlanSite, SiteClass, SiteOutput, Stage } from '@arfuse/contract';
import { findStage } from '@arfuse/contract';
import { type Graph, printDim } from '@arfuse/graph';
import type { AlreadyFused, Matching, SiteMatch } from '@arfuse/patterns';
import { numericsKey } from '../candidates/join-numerics.ts';

/** Sites with their classes, in program order. */
export interface ClassifiedSites {
  readonly classes: readonly SiteClass[];
  readonly sites: readonly PlanSite[];
  readonly alreadyFused: readonly PlanAlreadyFused[];
  /** The first match of each class; a class that only fused ops have has none. */
  readonly firstMatch: ReadonlyMap<string, { readonly match: SiteMatch; readonly site: string }>;
  /** Site ids by class id. */
  readonly sitesOf: ReadonlyMap<string, readonly string[]>;
}

type Attributes = Omit<SiteClass, 'id'>;

type MemberOf<T> = T extends unknown ? keyof T : never;

/** Every member that some kind of stage has; the compiler refuses a list that lacks one. */
const STAGE_MEMBERS: Readonly<Record<MemberOf<Stage>, true>> = {
  kind: true,
  partial: true,
  dtype: true,
  factor: true,
  eps: true,
  weightDtype: true,
  weightBias: true,
  weightMultiply: true,
  scheme: true,
  outputDtype: true,
  groupSize: true,
  scaleDtype: true,
  scaleFloor: true,
  scaleForm: true,
  scaleLayout: true,
};

const MEMBER_NAMES = Object.keys(STAGE_MEMBERS) as readonly MemberOf<Stage>[];

/** Equal for equal stages, however their objects were made. */
function stageKey(stage: Stage): string {
  const members: Partial<Record<MemberOf<Stage>, unknown>> = stage;
  let key = '';
  for (const member of MEMBER_NAMES) {
    const value = members[member];
    if (value !== undefined) key += `${member}=${String(value)} `;
  }
  return key;
}

function classKey({
  pattern,
  stages,
  outputs,
  hidden,
  dtype,
  group,
  numerics,
}: Attributes): string {
  return [
    pattern,
    stages.map(stageKey).join(),
    outputs.join(),
    hidden,
    dtype,
    group,
    numericsKey(numerics),
  ].join('|');
}

/** Gives equal attributes one class, numbered in order of first occurrence. */
class ClassTable {
  readonly classes: SiteClass[] = [];
  readonly #known = new Map<string, SiteClass>();

  of(attributes: Attributes): SiteClass {
    const key = classKey(attributes);
    let found = this.#known.get(key);
    if (!found) {
      found = { id: `c${this.classes.length}`, ...attributes };
      this.#known.set(key, found);
      this.classes.push(found);
    }
    return found;
  }
}

/** The part of a match that its class is made of; the graph's own group name becomes an ordinal. */
function attributesOf(
  match: SiteMatch | AlreadyFused,
  outputs: readonly SiteOutput[],
  groups: readonly string[],
): Attributes {
  const { pattern, stages, hidden, dtype, numerics } = match;
  return { pattern, stages, outputs, hidden, dtype, group: groups.indexOf(match.group), numerics };
}

/** The norm that a site ends in. */
export function lastNorm(stages: readonly Stage[]): {
  eps: number;
  weightBias: 0 | 1;
  weightDtype: PlanSite['weightDtype'];
} {
  const norm = findStage(stages, 'norm') ?? findStage(stages, 'pre_norm');
  return {
    eps: norm?.eps ?? 0,
    weightBias: norm?.weightBias ?? 0,
    weightDtype: norm?.weightDtype ?? null,
  };
}

export function classifySites(
  graph: Graph,
  matching: Matching,
  groups: readonly string[],
): ClassifiedSites {
  const table = new ClassTable();
  const firstMatch = new Map<string, { match: SiteMatch; site: string }>();
  const sitesOf = new Map<string, string[]>();
  const sites = matching.sites.map((match, i): PlanSite => {
    const outputs = [...new Set(match.outputs.map(({ output }) => output))];
    const { id, pattern, hidden, dtype, stages } = table.of(attributesOf(match, outputs, groups));
    const site = `s${i}`;
    if (!firstMatch.has(id)) firstMatch.set(id, { match, site });
    const members = sitesOf.get(id);
    if (members) members.push(site);
    else sitesOf.set(id, [site]);
    const norm = lastNorm(stages);
    return {
      id: site,
      class: id,
      pattern,
      allReduces: match.allReduces.map((node) => graph.node(node).name),
      group: match.group,
      hidden,
      dtype,
      weightDtype: norm.weightDtype,
      eps: norm.eps,
      weightBias: norm.weightBias,
      outputs,
      rows: printDim(match.rows),
      ...(match.layer === undefined ? {} : { layer: match.layer }),
    };
  });
  const alreadyFused = matching.alreadyFused.map((fused): PlanAlreadyFused => {
    const node = graph.node(fused.node);
    const { id, stages } = table.of(attributesOf(fused, fused.outputs, groups));
    return {
      node: node.name,
      op: node.op,
      pattern: fused.pattern,
      hidden: fused.hidden,
      eps: lastNorm(stages).eps,
      class: id,
    };
  });
  return { classes: table.classes, sites, alreadyFused, firstMatch, sitesOf };
}

/** Sites that sum two all-reduces. */
export function countMerged(matching: Matching): number {
  return matching.sites.filter(({ stages }) => findStage(stages, 'merge')).length;
}
