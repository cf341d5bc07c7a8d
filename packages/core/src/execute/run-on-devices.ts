import { type Plan, type SiteOutput, UsageError } from '@arfuse/contract';
import { sitesOf } from '../run/sites.ts';
import { checkLaunch } from './check-launch.ts';
import { failedRanks } from './failed-ranks.ts';
import { sumHistograms } from './histogram.ts';
import { checkTokens, launchesOf, type PlannedLaunch, planUpTo } from './launches.ts';
import { Launcher } from './launching.ts';
import { type OpenedRanks, type OpenRanksOptions, openRanks } from './open-ranks.ts';
import type { DeviceTimes, ExecutionPlace, LaunchCheck, UlpHistogram } from './report.ts';
import { timed, timedLaunch } from './timing.ts';

/** What is run. */
export interface RunOnDevicesOptions extends OpenRanksOptions {
  /** Rows of each launch. Default 16. */
  readonly tokens?: number;
  /** Ids of the sites to run; by default all. */
  readonly sites?: readonly string[];
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number;
  /** Ends it between two launches: everything is closed, and the reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called after each site. */
  readonly onSite?: (done: number, of: number) => void;
}

/** One output of a class over all its sites. */
export interface OutputRun {
  readonly output: SiteOutput;
  /** Largest distance to the reference, in representable values of the output's dtype. */
  readonly maxUlps: number;
  readonly histogram: UlpHistogram;
  /** What was required, in words. */
  readonly bound: string;
}

/** What one class did on the devices. */
export interface ClassDeviceRun {
  readonly class: string;
  readonly sites: number;
  /** Sites whose results were compared, each on inputs of its own; fewer than all where the CPU would take too long. */
  readonly checked: number;
  readonly kernels: readonly string[];
  readonly mode: 'graph' | 'eager';
  readonly passed: boolean;
  readonly outputs: readonly OutputRun[];
  /** Of one launch, by the clock of the devices. */
  readonly us: DeviceTimes;
}

/** Results and times of a plan's sites on devices. */
export interface DeviceRunReport {
  readonly place: ExecutionPlace;
  readonly passed: boolean;
  readonly tokens: number;
  readonly seed: number;
  readonly classes: readonly ClassDeviceRun[];
  /** All sites that were run, one after the other, as one step. */
  readonly step: {
    readonly sites: number;
    readonly mode: 'graph' | 'eager';
    readonly us: DeviceTimes;
  };
  /** Launches that failed their check. */
  readonly failures: readonly LaunchCheck[];
  /** Ranks of other processes that found something wrong; each of them reports it. */
  readonly failedElsewhere: readonly number[];
}

/** Elements of one output that are compared over all sites of a class. */
const MOST_COMPARED = 2 ** 27;
/** Elements of all ranks' partials that are made up for a site. */
const MOST_MADE = 2 ** 20;

/** Every n-th of the values, so many at most. */
function spread<T>(values: readonly T[], most: number): T[] {
  const every = Math.ceil(values.length / Math.max(1, most));
  return values.filter((_, index) => index % every === 0);
}

/** Times all sites as one step: a captured graph where the plan launches so many tokens as one. */
async function timedStep(
  opened: OpenedRanks,
  launches: readonly PlannedLaunch[],
): Promise<DeviceRunReport['step']> {
  const { ranks } = opened;
  const tokens = launches[0]!.tokens;
  const mode = launches.every((launch) => launch.mode === 'graph') ? 'graph' : 'eager';
  const bindings = new Map<string, readonly number[]>();
  for (const { site } of launches) bindings.set(site.id, await ranks.bindings(site.id));
  const ids = await ranks.each((executor, index) => {
    const step = executor.defineStep(launches.map(({ site }) => bindings.get(site.id)![index]!));
    if (mode === 'graph') executor.capture(step, [tokens]);
    return step;
  });
  const us = await timed(opened, async (times) => {
    for (let i = 0; i < times; i += 1) ranks.enqueueStep(ids, tokens);
  });
  return { sites: launches.length, mode, us };
}

function classRun(
  checks: readonly LaunchCheck[],
  { site, mode, segment }: PlannedLaunch,
  sites: number,
  us: DeviceTimes,
): ClassDeviceRun {
  const outputs = checks[0]!.outputs.map(({ output, bound }): OutputRun => {
    const of = checks.flatMap((check) => check.outputs.filter((one) => one.output === output));
    return {
      output,
      maxUlps: Math.max(...of.map(({ maxUlps }) => maxUlps)),
      histogram: sumHistograms(of.map(({ histogram }) => histogram)),
      bound,
    };
  });
  return {
    class: site.id,
    sites,
    checked: checks.length,
    kernels: segment.steps.map(({ kernel }) => kernel),
    mode,
    passed: checks.every(({ passed }) => passed),
    outputs,
    us,
  };
}

/**
 * Executes the sites of a plan on this machine's GPUs, or on devices that simulate them: each site on fresh inputs, every
 * result compared with the reference backend, then each class and the whole step timed by events of the devices.
 *
 * @throws as `openRanks` and `Executor.sync`; UsageError for a site or a token count that the plan does not have
 *
 * @example
 * ```ts
 * const report = await runOnDevices(decided, { use: [flashinfer()], tokens: 64 });
 * console.log(report.passed, report.step.us.median);
 * ```
 */
export async function runOnDevices(
  plan: Plan,
  options: RunOnDevicesOptions = {},
): Promise<DeviceRunReport> {
  const { tokens = 16, seed = 1, signal, onSite } = options;
  checkTokens(plan, [tokens]);
  const sites = sitesOf(plan, options.sites);
  if (sites.length === 0)
    throw new UsageError({
      message: 'the plan has no site to run.',
      hint: 'Plan a graph that has one.',
    });
  const launches = new Map(launchesOf(plan, [tokens]).map((launch) => [launch.site.id, launch]));
  signal?.throwIfAborted();
  await using opened = await openRanks(planUpTo(plan, tokens), options);
  const launcher = new Launcher(opened);
  const classes: ClassDeviceRun[] = [];
  const failures: LaunchCheck[] = [];
  let done = 0;
  for (const id of new Set(sites.map((site) => site.class))) {
    const launch = launches.get(id)!;
    const own = sites.filter((site) => site.class === id);
    const most = Math.floor(MOST_COMPARED / (tokens * launch.site.hidden));
    const checks: LaunchCheck[] = [];
    for (const site of spread(own, most)) {
      signal?.throwIfAborted();
      const number = seed + plan.sites.indexOf(site);
      checks.push(
        await checkLaunch(opened, launcher, launch, {
          seed: number,
          unusual: false,
          most: MOST_MADE,
        }),
      );
      done += 1;
      onSite?.(done, sites.length);
    }
    failures.push(...checks.filter(({ passed }) => !passed));
    classes.push(classRun(checks, launch, own.length, await timedLaunch(opened, launcher, launch)));
  }
  signal?.throwIfAborted();
  const step = await timedStep(
    opened,
    sites.map((site) => launches.get(site.class)!),
  );
  const passed = failures.length === 0;
  const failedElsewhere = await failedRanks(opened, passed);
  return {
    place: opened.place,
    passed: passed && failedElsewhere.length === 0,
    tokens,
    seed,
    classes,
    step,
    failures,
    failedElsewhere,
  };
}
