import { type Plan, type StepDemand, UnsupportedError } from '@arfuse/contract';
import manifest from '../../package.json' with { type: 'json' };
import type { AgreementRecord, Group } from '../group/group.ts';
import { type ExecutorOptions, executorSettings, RANKS_PER_DEVICE } from './options.ts';
import { joinDemands, type PlannedSegment, plannedSegments } from './step-demands.ts';

/** The group that a plan's sites reduce over must be the group that runs it. */
function checkGroups(plan: Plan, size: number): void {
  const used = new Set(plan.sites.map(({ class: id }) => plan.classes.find((c) => c.id === id)));
  const ordinals = new Set([...used].flatMap((site) => (site ? [site.group] : [])));
  if (ordinals.size > 1) {
    const names = [...ordinals].map((ordinal) => plan.groups[ordinal]?.name ?? ordinal);
    throw new UnsupportedError({
      message: `the plan reduces over ${ordinals.size} groups (${names.join(', ')}); an executor runs one.`,
      hint: 'Plan each group of the model by itself.',
      details: { groups: names },
    });
  }
  for (const ordinal of ordinals) {
    const group = plan.groups[ordinal];
    if (group === undefined || group.size === size) continue;
    throw new UnsupportedError({
      message: `the plan is for ${group.size} ranks (group "${group.name}"); this group has ${size}.`,
      hint: `Start ${group.size} ranks, or plan for a target with groups of ${size}.`,
      details: { planned: group.size, size },
    });
  }
}

/** What all ranks have to have in common. */
export function agreementRecord(
  plan: Plan,
  { device, backends = [], ranksPerDevice = RANKS_PER_DEVICE }: ExecutorOptions,
): AgreementRecord {
  return {
    plan: plan.hash,
    '@arfuse/runtime': manifest.version,
    ranksPerDevice: String(ranksPerDevice),
    ...device.facts,
    ...Object.fromEntries(backends.map(({ name, version }) => [name, version])),
  };
}

/** What a rank makes of its own arguments, before it needs the others. */
export interface Prepared {
  readonly settings: ReturnType<typeof executorSettings>;
  readonly segments: ReadonlyMap<string, readonly PlannedSegment[]>;
  readonly demands: readonly StepDemand[];
}

/** @throws UsageError; UnsupportedError for a plan of another group */
export function prepare(plan: Plan, group: Group, options: ExecutorOptions): Prepared {
  const settings = executorSettings(options);
  checkGroups(plan, group.size);
  const segments = new Map(
    plan.decisions.map((decision) => [decision.class, plannedSegments(plan, decision)]),
  );
  const steps = [...segments.values()].flat().flatMap((segment) => segment.steps);
  return { settings, segments, demands: [...joinDemands(steps).values()] };
}
