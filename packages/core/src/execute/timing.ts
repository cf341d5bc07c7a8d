import type { PlannedLaunch } from './launches.ts';
import type { Launcher } from './launching.ts';
import type { OpenedRanks } from './open-ranks.ts';
import type { DeviceTimes } from './report.ts';

/** How often something is timed. */
export interface Repetitions {
  readonly warmUp: number;
  readonly repetitions: number;
  /** Launches between two clock readings: ranks do not start at the same instant, and this evens it out. */
  readonly perRepetition: number;
}

/** Simulated kernels take milliseconds, GPUs microseconds. */
export const REPETITIONS: Readonly<Record<'gpu' | 'reference', Repetitions>> = {
  gpu: { warmUp: 8, repetitions: 30, perRepetition: 16 },
  reference: { warmUp: 0, repetitions: 3, perRepetition: 1 },
};

/** Value below which a share of the sorted values lies, between neighbours in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

/** Median and spread of times. */
export function summary(times: readonly number[], perRepetition: number): DeviceTimes {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    p10: quantile(sorted, 0.1),
    p90: quantile(sorted, 0.9),
    n: times.length,
    perRepetition,
  };
}

/**
 * Times an operation by events of the devices.
 * @param enqueue - the operation, so many times
 */
export async function timed(
  { devices, streams, groups, place, ranks }: OpenedRanks,
  enqueue: (times: number) => Promise<void>,
): Promise<DeviceTimes> {
  const { warmUp, repetitions, perRepetition } = REPETITIONS[place.device];
  const events = devices.map((device) => [device.createEvent(), device.createEvent()] as const);
  if (warmUp > 0) await enqueue(warmUp);
  await ranks.sync();
  const times: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    if (place.here.length < place.ranks) await groups[0]!.barrier();
    for (const [index, [begin]] of events.entries()) streams[index]!.record(begin);
    await enqueue(perRepetition);
    for (const [index, [, end]] of events.entries()) streams[index]!.record(end);
    await ranks.sync();
    const slowest = Math.max(...events.map(([begin, end]) => end.elapsed(begin)));
    times.push((slowest * 1000) / perRepetition);
  }
  return summary(times, perRepetition);
}

/** Times a launch. */
export function timedLaunch(
  opened: OpenedRanks,
  launcher: Launcher,
  launch: PlannedLaunch,
): Promise<DeviceTimes> {
  return timed(opened, (times) => launcher.enqueue(launch, times));
}
