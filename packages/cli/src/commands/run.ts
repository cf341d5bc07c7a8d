import { type Plan, UsageError } from '@arfuse/contract';
import { describeLaunchFailures, type RunReport, runOnDevices, runPlan } from '@arfuse/core';
import { configuredBackends } from '../load/backends.ts';
import { loadConfig } from '../load/config.ts';
import { loadPlan } from '../load/load-plan.ts';
import { printDeviceRun } from '../output/device-text.ts';
import { plural, shortName } from '../output/names.ts';
import { textTable } from '../output/text-table.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';
import { onGpu } from './on-gpu.ts';

export interface RunCommandOptions {
  readonly on: 'gpu' | 'reference';
  readonly tokens: number;
  readonly site?: readonly string[];
  readonly steps?: number;
  readonly seed: number;
  readonly ranksPerDevice?: number;
  readonly config?: string;
}

const ulps = (value: number): string =>
  value === 0 ? '0' : Number.isFinite(value) ? value.toFixed(2) : '∞';

/** One row per output; what belongs to the class stands in the first. */
function classRows(of: RunReport['classes'][number]): string[][] {
  const outputs = Object.entries(of.maxUlps);
  const { median, min, max } = of.ms;
  return (outputs.length === 0 ? [['-', 0] as const] : outputs).map(([output, distance], i) => [
    i === 0 ? of.class : '',
    i === 0 ? String(of.launches) : '',
    i === 0 ? of.kernels.map(shortName).join(' + ') : '',
    output,
    ulps(distance),
    i === 0 ? median.toFixed(2) : '',
    i === 0 ? `${min.toFixed(2)}–${max.toFixed(2)}` : '',
  ]);
}

/** An option that belongs to the other kind of devices would be ignored, so it is refused. */
function refuseOther({ on, steps, ranksPerDevice }: RunCommandOptions): void {
  const other =
    on === 'gpu'
      ? steps !== undefined && '--steps'
      : ranksPerDevice !== undefined && '--ranks-per-device';
  if (!other) return;
  throw new UsageError({
    message: `${other} says nothing with --on ${on}.`,
    hint: `Leave it out, or run --on ${on === 'gpu' ? 'reference' : 'gpu'}.`,
  });
}

async function runReference(
  plan: Plan,
  { tokens, steps = 1, seed, site }: RunCommandOptions,
  console: Console,
): Promise<number> {
  const report = await console.progress('running', () =>
    runPlan(plan, { tokens, steps, seed, ...(site ? { sites: site } : {}) }),
  );
  console.document(report);
  const sites = report.classes.reduce((sum, of) => sum + of.sites, 0);
  console.line(
    `reference backend, ${plural(report.ranks, 'simulated rank')}, ${plural(report.tokens, 'token')}, ` +
      `${report.steps} × ${plural(sites, 'site')}, seed ${report.seed}`,
  );
  if (report.classes.length > 0) {
    console.line();
    console.line(
      textTable(
        [
          { title: 'class' },
          { title: 'launches', align: 'right' },
          { title: 'steps', flexible: true },
          { title: 'output' },
          { title: 'ULP', align: 'right' },
          { title: 'ms', align: 'right' },
          { title: 'min–max', align: 'right' },
        ],
        report.classes.flatMap(classRows),
      ),
    );
    console.line(
      '\nULP: largest distance to the real-valued function. ms: median of the CPU reference, not of a GPU.',
    );
  }
  return EXIT.fine;
}

async function runGpu(
  plan: Plan,
  options: RunCommandOptions,
  console: Console,
  signal: AbortSignal,
): Promise<number> {
  const { tokens, seed, site, ranksPerDevice } = options;
  const use = configuredBackends(await loadConfig(options.config));
  const report = await console.progress('running on GPUs', () =>
    runOnDevices(plan, {
      on: 'gpu',
      use,
      tokens,
      seed,
      signal,
      ...(site ? { sites: site } : {}),
      ...(ranksPerDevice === undefined ? {} : { ranksPerDevice }),
    }),
  );
  const failures = describeLaunchFailures(report.failures);
  const { here } = report.place;
  // Of processes that ran together, the first reports; each that found something wrong says so.
  if (here.includes(0) || failures.length > 0) {
    console.document({ ...report, failures, checks: report.failures });
    printDeviceRun(report, console);
    for (const failure of failures)
      console.line(console.color.red('FAIL') + paragraph(failure, 'FAIL ').slice('FAIL'.length));
    if (report.failedElsewhere.length > 0)
      console.line(
        console.color.red(`FAIL ranks ${report.failedElsewhere.join(', ')}: see what they print`),
      );
  }
  return report.passed ? EXIT.fine : EXIT.checkFailed;
}

/** `arfuse run PLAN`: executes the sites on GPUs, or `--on reference` over simulated ranks. */
export async function runCommand(
  path: string,
  options: RunCommandOptions,
  console: Console,
): Promise<number> {
  refuseOther(options);
  const plan = await loadPlan(path, console.stdin);
  if (options.on === 'reference') return await runReference(plan, options, console);
  return await onGpu(console, (signal) => runGpu(plan, options, console, signal));
}
