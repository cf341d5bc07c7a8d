import type { Device, LaunchMode, Plan, PlanSegment } from '@arfuse/contract';
import { type ReferenceDeviceOptions, referenceDevices } from '@arfuse/reference';
import {
  type Clock,
  createExecutor,
  type Executor,
  type ExecutorOptions,
  type Group,
  openLocalGroup,
} from '@arfuse/runtime';

/** A clock whose time passes only by waiting, a millisecond at least. */
export class FakeClock implements Clock {
  #now = 0;
  now(): number {
    return this.#now;
  }
  async sleep(ms: number): Promise<void> {
    this.#now += Math.max(1, ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface OpenedRanks {
  readonly groups: readonly Group[];
  readonly devices: readonly Device[];
  readonly executors: readonly Executor[];
}

/** Executors of all ranks of a plan on reference devices. */
export async function openRanks(
  plan: Plan,
  options: ReferenceDeviceOptions & Partial<ExecutorOptions> = {},
): Promise<OpenedRanks> {
  const { intercept, facts, ...rest } = options;
  const { ranksPerDevice = 1 } = options;
  const size = plan.groups[0]!.size;
  const groups = await openLocalGroup({ ranks: size });
  const devices = referenceDevices(size, {
    ...(intercept ? { intercept } : {}),
    ...(facts ? { facts } : {}),
    ranksPerDevice,
  });
  const executors = await Promise.all(
    groups.map((group) => createExecutor(plan, group, { device: devices[group.rank]!, ...rest })),
  );
  return { groups, devices, executors };
}

/** The segment that serves a launch of so many tokens in a mode, or the other one's where the plan has none of it. */
export function servedBy(plan: Plan, mode: LaunchMode, tokens: number): PlanSegment {
  const serving = plan.decisions[0]!.segments.filter(
    ({ tokens: [min, max] }) => min <= tokens && tokens <= max,
  );
  return serving.find((segment) => segment.mode === mode) ?? serving[0]!;
}

/** What each promise was rejected with. */
export async function failuresOf(promises: readonly Promise<unknown>[]): Promise<Error[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === 'fulfilled') throw new Error('it did not fail');
    return result.reason as Error;
  });
}
