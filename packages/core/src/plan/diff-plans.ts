import {
  canonicalJson,
  type LaunchMode,
  type Plan,
  type PlanSegment,
  type SiteClass,
} from '@arfuse/contract';
import { formatTarget } from '../target/format-target.ts';

/** A token range that two plans decide differently. */
export interface DecisionChange {
  /** Class ids in the first and the second plan. */
  readonly classes: readonly [before: string, after: string];
  readonly tokens: readonly [min: number, max: number];
  readonly mode: readonly [before: LaunchMode, after: LaunchMode];
  /** Kernels joined by ` + `. */
  readonly kernels: readonly [before: string, after: string];
  /** True when the kernels are the same and only their parameters differ. */
  readonly parametersOnly: boolean;
}

/** What changed between two plans. */
export interface PlanDiff {
  /** Whether both have the same hash: they decide the same. */
  readonly same: boolean;
  readonly target?: readonly [before: string, after: string];
  /** Classes that only one of the plans has. */
  readonly removed: readonly SiteClass[];
  readonly added: readonly SiteClass[];
  /** Number of sites, where it differs. */
  readonly sites?: readonly [before: number, after: number];
  readonly changes: readonly DecisionChange[];
}

const attributes = ({ id: _, ...rest }: SiteClass): string => canonicalJson(rest);

const kernelsOf = (segment: PlanSegment): string =>
  segment.steps.map((step) => step.kernel).join(' + ');

/** Ranges of the common token domain over which two lists of segments run other steps. */
function changesOf(
  classes: readonly [string, string],
  before: readonly PlanSegment[],
  after: readonly PlanSegment[],
): DecisionChange[] {
  const found: DecisionChange[] = [];
  for (const left of before) {
    for (const right of after) {
      const min = Math.max(left.tokens[0], right.tokens[0]);
      const max = Math.min(left.tokens[1], right.tokens[1]);
      if (
        min > max ||
        canonicalJson([left.mode, left.steps]) === canonicalJson([right.mode, right.steps])
      )
        continue;
      const kernels = [kernelsOf(left), kernelsOf(right)] as const;
      found.push({
        classes,
        tokens: [min, max],
        mode: [left.mode, right.mode],
        kernels,
        parametersOnly: kernels[0] === kernels[1],
      });
    }
  }
  return found;
}

/** What changed from one plan to another; classes are paired by their attributes, not by their ids. */
export function diffPlans(before: Plan, after: Plan): PlanDiff {
  const targets = [formatTarget(before.target), formatTarget(after.target)] as const;
  const later = new Map(after.classes.map((site) => [attributes(site), site]));
  const earlier = new Set(before.classes.map(attributes));
  const segments = (plan: Plan, id: string): readonly PlanSegment[] =>
    plan.decisions.find((decision) => decision.class === id)?.segments ?? [];
  const changes = before.classes.flatMap((site) => {
    const other = later.get(attributes(site));
    return other
      ? changesOf([site.id, other.id], segments(before, site.id), segments(after, other.id))
      : [];
  });
  const plainKey = ({ group, hidden, dtype }: NonNullable<Plan['plain']>[number]): string =>
    `${group} ${hidden} ${dtype}`;
  for (const entry of before.plain ?? []) {
    const other = after.plain?.find((candidate) => plainKey(candidate) === plainKey(entry));
    if (other) changes.push(...changesOf([entry.id, other.id], entry.segments, other.segments));
  }
  return {
    same: before.hash === after.hash,
    ...(targets[0] === targets[1] ? {} : { target: targets }),
    removed: before.classes.filter((site) => !later.has(attributes(site))),
    added: after.classes.filter((site) => !earlier.has(attributes(site))),
    ...(before.sites.length === after.sites.length
      ? {}
      : { sites: [before.sites.length, after.sites.length] as const }),
    changes,
  };
}
