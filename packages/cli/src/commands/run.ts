import { type RunReport, runPlan } from '@arfuse/core';
import { loadPlan } from '../load/load-plan.ts';
import { plural, shortName } from '../output/names.ts';
import { textTable } from '../output/text-table.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface RunCommandOptions {
  readonly tokens: number;
  readonly steps: number;
  readonly seed: number;
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

/** `arfuse run PLAN [--tokens N] [--steps K]`: executes the sites over simulated ranks. */
export async function runCommand(
  path: string,
  options: RunCommandOptions,
  console: Console,
): Promise<number> {
  const plan = await loadPlan(path, console.stdin);
  const { tokens, steps, seed } = options;
  const report = await console.progress('running', () => runPlan(plan, { tokens, steps, seed }));
  console.document(report);
  console.line(
    `reference backend, ${plural(report.ranks, 'simulated rank')}, ${plural(report.tokens, 'token')}, ` +
      `${report.steps} × ${plural(plan.sites.length, 'site')}, seed ${report.seed}`,
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
