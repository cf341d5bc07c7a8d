import { type Backend, type Device, type DeviceStream, UsageError } from '@arfuse/contract';
import { LONGEST_MS } from '../group/options.ts';
import type { Clock } from './clock.ts';

/** Settings of an executor. All ranks give the same. */
export interface ExecutorOptions {
  /** What this rank drives. */
  readonly device: Device;
  /** Backends of the plan's kernels; none is needed for a device that simulates them. */
  readonly backends?: readonly Backend[];
  /** A stream of the program's own, which outlives the executor; by default one is made. */
  readonly stream?: DeviceStream;
  /** Milliseconds that `step()` and `sync()` wait for the device before the ranks recover. Default 10,000. */
  readonly deadlineMs?: number;
  /** Milliseconds that each stage of a recovery may take before the executor gives up. Default 5,000. */
  readonly recoveryMs?: number;
  /** How many ranks share this rank's device. Default 1; more is for tests and machines with one card. */
  readonly ranksPerDevice?: number;
  readonly clock?: Clock;
}

/** Each rank has a device of its own. */
export const RANKS_PER_DEVICE = 1;

/** @throws UsageError for a value that is no whole number of the range */
export function checkInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError({
    message: `${name} is ${String(value)}.`,
    hint: `Use a whole number from ${least} to ${most}.`,
    details: { [name]: value },
  });
}

/** Defaults filled in. @throws UsageError */
export function executorSettings({
  deadlineMs = 10_000,
  recoveryMs = 5_000,
  ranksPerDevice = RANKS_PER_DEVICE,
}: ExecutorOptions): { deadlineMs: number; recoveryMs: number; ranksPerDevice: number } {
  return {
    deadlineMs: checkInteger('deadlineMs', deadlineMs, 1, LONGEST_MS),
    recoveryMs: checkInteger('recoveryMs', recoveryMs, 1, LONGEST_MS),
    ranksPerDevice: checkInteger('ranksPerDevice', ranksPerDevice, 1, 64),
  };
}
