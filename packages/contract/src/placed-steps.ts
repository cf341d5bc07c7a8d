import { PlanError } from './errors/errors.ts';
import type { PlanStep } from './plan-step.ts';
import type { SiteClass } from './site.ts';
import type { Stage } from './stage.ts';

/** A step together with the stages that it performs. */
export interface PlacedStep {
  readonly step: PlanStep;
  readonly stages: readonly Stage[];
}

/**
 * The two orders in which the stages of a class can be performed: as declared, or, for a merged class, with both
 * all-reduces first and their results added afterwards.
 */
export function stageOrders(site: Pick<SiteClass, 'stages'>): readonly (readonly Stage[])[] {
  const [merge, allReduce, ...rest] = site.stages;
  if (merge?.kind !== 'merge' || allReduce?.kind !== 'all_reduce') return [site.stages];
  return [
    site.stages,
    [{ kind: 'all_reduce', partial: 0 }, { kind: 'all_reduce', partial: 1 }, merge, ...rest],
  ];
}

/**
 * Places the steps of a segment on the stages of their class: each step covers the next run.
 * @throws PlanError when the steps do not cover every stage exactly once, in order
 */
export function placeSteps(site: SiteClass, steps: readonly PlanStep[]): PlacedStep[] {
  for (const order of stageOrders(site)) {
    const placed: PlacedStep[] = [];
    let next = 0;
    for (const step of steps) {
      const stages = order.slice(next, next + step.covers.length);
      if (stages.length === 0 || stages.some((stage, i) => stage.kind !== step.covers[i])) break;
      if (stages.length !== step.covers.length) break;
      placed.push({ step, stages });
      next += stages.length;
    }
    if (placed.length === steps.length && next === order.length) return placed;
  }
  const covers = steps.map((step) => `[${step.covers.join(' ')}]`).join(' ');
  throw new PlanError({
    message: `the steps of class ${site.id} cover ${covers || 'nothing'}, its stages are [${site.stages
      .map((stage) => stage.kind)
      .join(' ')}].`,
    hint: 'Steps must cover every stage of the class once, in order. Make the plan again.',
    details: { class: site.id },
  });
}
