import { UsageError } from '@arfuse/contract';
import {
  describeFailures,
  describeLaunchFailures,
  type Plan,
  verify,
  verifyOnDevices,
} from '@arfuse/core';
import { configuredBackends } from '../load/backends.ts';
import { loadConfig } from '../load/config.ts';
import { type PlannedInput, type PlanOrGraphOptions, planOrGraph } from '../load/plan-input.ts';
import { printDeviceVerification } from '../output/device-text.ts';
import { printVerifyReport } from '../output/verify-text.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';
import { onGpu } from './on-gpu.ts';

export interface VerifyCommandOptions extends PlanOrGraphOptions {
  readonly on: 'gpu' | 'reference';
  readonly tokens?: readonly number[];
  readonly seed: number;
  readonly ranksPerDevice?: number;
}

async function verifyReference(
  { plan, graph }: PlannedInput,
  { tokens, seed, config }: VerifyCommandOptions,
  console: Console,
): Promise<number> {
  const use = configuredBackends(await loadConfig(config));
  const report = await console.progress('verifying', () =>
    verify(plan, { seed, use, ...(tokens ? { tokens } : {}), ...(graph ? { graph } : {}) }),
  );
  console.document({ ...report, failures: describeFailures(report) });
  printVerifyReport(plan, report, console);
  return report.passed ? EXIT.fine : EXIT.checkFailed;
}

async function verifyGpu(
  plan: Plan,
  { tokens, seed, ranksPerDevice, config }: VerifyCommandOptions,
  console: Console,
  signal: AbortSignal,
): Promise<number> {
  const use = configuredBackends(await loadConfig(config));
  const report = await console.progress('verifying on GPUs', () =>
    verifyOnDevices(plan, {
      on: 'gpu',
      use,
      seed,
      signal,
      ...(tokens ? { tokens } : {}),
      ...(ranksPerDevice === undefined ? {} : { ranksPerDevice }),
    }),
  );
  const failures = describeLaunchFailures(report.launches);
  // Of processes that ran together, the first reports; each that found something wrong says so.
  if (report.place.here.includes(0) || failures.length > 0) {
    console.document({ ...report, failures });
    printDeviceVerification(plan, report, failures, console);
  }
  return report.passed ? EXIT.fine : EXIT.checkFailed;
}

/** `arfuse verify GRAPH|PLAN`. Exit code 1 when a check fails. */
export async function verifyCommand(
  path: string,
  options: VerifyCommandOptions,
  console: Console,
): Promise<number> {
  if (options.on === 'reference' && options.ranksPerDevice !== undefined) {
    throw new UsageError({
      message: '--ranks-per-device says nothing with --on reference.',
      hint: 'Leave it out, or verify --on gpu.',
    });
  }
  const input = await planOrGraph(path, options, console);
  if (options.on === 'reference') return await verifyReference(input, options, console);
  return await onGpu(console, (signal) => verifyGpu(input.plan, options, console, signal));
}
