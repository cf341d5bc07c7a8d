import type { BoundStep, DeviceLaunch, DevicePlace, StepDemand } from '@arfuse/contract';
import type { SiteBuffers } from './site-buffers.ts';
import type { PlannedSegment, PlannedStep } from './step-demands.ts';

/** Launches of one segment, in order. */
export interface BoundSegment {
  readonly launches: readonly DeviceLaunch[];
  /** By launch: whether the ranks meet in it. */
  readonly meets: readonly boolean[];
  readonly kernels: readonly string[];
  readonly collectives: number;
}

/** What binding a site needs of its executor. */
export interface Binder {
  readonly buffers: SiteBuffers;
  readonly segments: readonly PlannedSegment[];
  /** Demands by key, with the row counts of all segments. */
  readonly demands: ReadonlyMap<string, StepDemand>;
  /** Memory for values that travel between steps; the same for every site, since a stream runs them in order. */
  temporary(index: number): DevicePlace;
  prepare(step: BoundStep): DeviceLaunch;
}

/** Steps of a segment on their places. */
function placedSteps(binder: Binder, steps: readonly PlannedStep[]): BoundStep[] {
  const { buffers, demands } = binder;
  const { partials, inputs, outputs } = buffers;
  const given: Partial<Record<keyof typeof inputs, DevicePlace>> = {};
  for (const [name, buffer] of Object.entries(inputs))
    given[name as keyof typeof inputs] = buffer.place;
  let current: readonly DevicePlace[] = partials.map(({ place }) => place);
  let temporaries = 0;
  return steps.map((step) => {
    const results: Record<string, DevicePlace> = {};
    for (const name of step.demand.outputs)
      results[name] = outputs[name]?.place ?? binder.temporary(temporaries++);
    const known = step.leaves === undefined ? undefined : results[step.leaves];
    const carry = step.travels && !known ? binder.temporary(temporaries++) : undefined;
    const bound: BoundStep = {
      ...(demands.get(step.key) ?? step.demand),
      ...given,
      inputs: step.reads === 'all' ? current : [current[step.reads]!],
      results,
      ...(carry ? { carry } : {}),
    };
    const left = known ?? carry;
    if (left) current = step.reads === 'all' ? [left] : current.with(step.reads, left);
    return bound;
  });
}

const placeKey = ({ memory, offset }: DevicePlace): string => `${memory.address}+${offset}`;

/**
 * Prepares every step of every segment of a site. A step that several segments share is prepared once.
 * @returns segments in the plan's order, and every launch once
 */
export function bindSegments(binder: Binder): {
  segments: readonly BoundSegment[];
  launches: readonly DeviceLaunch[];
} {
  const prepared = new Map<string, DeviceLaunch>();
  try {
    const segments = binder.segments.map(({ steps }): BoundSegment => {
      const placed = placedSteps(binder, steps);
      return {
        launches: placed.map((bound, index) => {
          const places = [...bound.inputs, ...Object.values(bound.results), bound.carry];
          const key = `${steps[index]!.key} ${places.map((place) => place && placeKey(place)).join(' ')}`;
          const launch = prepared.get(key) ?? binder.prepare(bound);
          prepared.set(key, launch);
          return launch;
        }),
        meets: steps.map(({ collective }) => collective),
        kernels: steps.map(({ demand }) => demand.kernel),
        collectives: steps.filter(({ collective }) => collective).length,
      };
    });
    return { segments, launches: [...prepared.values()] };
  } catch (error) {
    for (const launch of prepared.values()) launch.close();
    throw error;
  }
}
