import type { Plan } from '@arfuse/contract';
import { formatUlps } from '../verify/describe.ts';
import { checkLaunch } from './check-launch.ts';
import { failedRanks } from './failed-ranks.ts';
import { launchesOf, planUpTo } from './launches.ts';
import { Launcher } from './launching.ts';
import { type OpenRanksOptions, openRanks } from './open-ranks.ts';
import type { ExecutionPlace, LaunchCheck } from './report.ts';

/** What is launched and checked. */
export interface VerifyOnDevicesOptions extends OpenRanksOptions {
  /** Token counts; by default the smallest and the largest of every segment. */
  readonly tokens?: readonly number[];
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number;
  /** Ends it between two launches: everything is closed, and the reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called after each launch. */
  readonly onLaunch?: (done: number, of: number) => void;
}

/** What was launched, and whether it was right. */
export interface DeviceVerification {
  readonly place: ExecutionPlace;
  readonly passed: boolean;
  readonly seed: number;
  readonly launches: readonly LaunchCheck[];
  /** Ranks of other processes that found something wrong; each of them reports it. */
  readonly failedElsewhere: readonly number[];
}

/**
 * Launches every site class by every segment of the plan and compares each result with the reference backend, which computes
 * by the segment's numerics record: inputs of every kind (large, tiny, zero, infinite, NaN), outputs poisoned, guard bands
 * around every buffer, all ranks bit-identical.
 *
 * @throws as `openRanks` and `Executor.sync`; UsageError for a token count that the plan does not decide
 *
 * @example
 * ```ts
 * const { passed, launches } = await verifyOnDevices(decided, { on: 'gpu', use: [flashinfer()] });
 * ```
 */
export async function verifyOnDevices(
  plan: Plan,
  options: VerifyOnDevicesOptions = {},
): Promise<DeviceVerification> {
  const { seed = 1, signal, onLaunch } = options;
  const launches = launchesOf(plan, options.tokens);
  const most = Math.max(1, ...launches.map(({ tokens }) => tokens));
  signal?.throwIfAborted();
  await using opened = await openRanks(planUpTo(plan, most), options);
  const launcher = new Launcher(opened);
  const checks: LaunchCheck[] = [];
  for (const [index, launch] of launches.entries()) {
    signal?.throwIfAborted();
    checks.push(await checkLaunch(opened, launcher, launch, { seed: seed + index, unusual: true }));
    onLaunch?.(index + 1, launches.length);
  }
  const passed = checks.every((check) => check.passed);
  const failedElsewhere = await failedRanks(opened, passed);
  return {
    place: opened.place,
    passed: passed && failedElsewhere.length === 0,
    seed,
    launches: checks,
    failedElsewhere,
  };
}

/** One sentence per failed output and fault: class, steps, tokens, distance, place and bound. */
export function describeLaunchFailures(checks: readonly LaunchCheck[]): string[] {
  return checks.flatMap((check) => {
    const what = `class ${check.class} [${check.steps.join(' + ')}], ${check.tokens} tokens, seed ${check.seed}`;
    const outputs = check.outputs.flatMap(({ passed, output, worst, bound }) =>
      passed || !worst
        ? []
        : [
            `${what}: output "${output}" is ${formatUlps(worst.ulps)} ULP off at rank ${worst.rank}, row ${worst.row}, ` +
              `column ${worst.column}: expected ${worst.expected}, found ${worst.found}; required ${bound}.`,
          ],
    );
    return [...outputs, ...check.faults.map((fault) => `${what}: ${fault}.`)];
  });
}
