import type { Plan } from '@arfuse/contract';
import {
  type ClassVerification,
  describeFailures,
  type OfferVerification,
  type OutputComparison,
  type VerifyReport,
} from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { plural, shortSteps } from './names.ts';
import { type TableRow, textTable } from './text-table.ts';
import { paragraph } from './wrap.ts';

function ulps(value: number): string {
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return '∞';
  return value >= 0.01 && value < 1e6 ? value.toFixed(2) : value.toExponential(1);
}

/** What was required, short enough for a table; `--json` has the whole sentence. */
function required(bound: string): string {
  return bound
    .replace(/^equality to (\S+) of the row's largest value, in float64$/, '$1 in float64')
    .replace(/^0 ULP$/, 'equal')
    .replace(/^(\d+) ULP$/, '≤ $1 ULP')
    .replace(/^(\d+) ULP of rounding of the mean square$/, '$1 ULP of the mean square')
    .replace(/^first-order rounding bound of /, 'bound of ');
}

/** One line per check: outputs with the same requirement and outcome share it. */
function checkRows(comparisons: readonly OutputComparison[]): string[][] {
  const checks = new Map<
    string,
    { readonly outputs: string[]; readonly of: OutputComparison; ulps: number }
  >();
  for (const of of comparisons) {
    // A failure stands alone.
    const key = of.passed
      ? [of.kind, of.bound].join('\n')
      : [of.kind, of.bound, of.output].join('\n');
    const check = checks.get(key);
    if (!check) checks.set(key, { outputs: [of.output], of, ulps: of.maxUlps });
    else {
      check.outputs.push(of.output);
      check.ulps = Math.max(check.ulps, of.maxUlps);
    }
  }
  return [...checks.values()].map(({ outputs, of, ulps: distance }) => [
    of.kind,
    outputs.join(', '),
    ulps(distance),
    required(of.bound),
    of.passed ? 'ok' : 'FAIL',
  ]);
}

/** A heading per class and composition, then its checks. Classes with the same outcome share them. */
function classRows(plan: Plan, classes: readonly ClassVerification[]): TableRow[] {
  const blocks = new Map<
    string,
    { readonly ids: string[]; readonly of: ClassVerification; readonly rows: TableRow[] }
  >();
  for (const of of classes) {
    const rows = checkRows(of.comparisons);
    const key = JSON.stringify([of.steps, patternOf(plan, of.class), rows]);
    const block = blocks.get(key);
    if (block) block.ids.push(of.class);
    else blocks.set(key, { ids: [of.class], of, rows });
  }
  return [...blocks.values()].flatMap(({ ids, of, rows }) => [
    `${ids.join(' ')} ${patternOf(plan, of.class)}: ${shortSteps(of.steps)}`,
    ...rows,
  ]);
}

const patternOf = (plan: Plan, id: string): string =>
  plan.classes.find((site) => site.id === id)?.pattern ?? '';

/** Both sites of a chain run the same steps, or each its own. */
function chainSteps(steps: readonly string[]): string {
  const names = steps.map((of) => shortSteps(of.split(' + ')));
  return names.every((name) => name === names[0]) ? names[0]! : names.join(' | ');
}

/** One row per chain and steps; segments with the same steps were proven one by one, and are the same row. */
function chainRows({ chains }: VerifyReport): string[][] {
  const rows = chains.map((chain) => [
    chain.sites.join(' → '),
    chainSteps(chain.steps),
    String(chain.readers),
    chain.passed ? 'ok' : 'FAIL',
  ]);
  return [...new Map(rows.map((row) => [row.join('\n'), row])).values()];
}

function offerOutcome({ passed, notCompared }: OfferVerification): string {
  if (!passed) return 'FAIL';
  return notCompared.length > 0 ? 'not compared' : 'ok';
}

/** One row per token range and steps; classes with the same steps there share it. */
function offerRows({ offers }: VerifyReport): string[][] {
  const rows = new Map<string, { readonly classes: string[]; readonly cells: string[] }>();
  for (const of of offers) {
    const cells = [of.tokens.join('–'), of.mode, shortSteps(of.steps), offerOutcome(of)];
    const key = cells.join('\n');
    const row = rows.get(key);
    if (row) row.classes.push(of.class);
    else rows.set(key, { classes: [of.class], cells });
  }
  return [...rows.values()].map(({ classes, cells }) => [classes.join(' '), ...cells]);
}

/** What was proven and how closely, then each failure in a full sentence. */
export function printVerifyReport(plan: Plan, report: VerifyReport, console: Console): void {
  const { color } = console;
  const rows = classRows(plan, report.classes);
  if (rows.length > 0) {
    console.line(
      textTable(
        [
          { title: 'check' },
          { title: 'output', flexible: true },
          { title: 'ULP', align: 'right' },
          { title: 'required', flexible: true },
          { title: '' },
        ],
        rows,
        { indent: 2 },
      ),
    );
  }
  if (report.chains.length > 0) {
    console.line();
    console.line(
      textTable(
        [
          { title: 'chain' },
          { title: 'steps of each site', flexible: true },
          { title: 'readers', align: 'right' },
          { title: '' },
        ],
        chainRows(report),
      ),
    );
  }
  if (report.offers.length > 0) {
    console.line();
    console.line(
      textTable(
        [
          { title: 'offers' },
          { title: 'tokens', align: 'right' },
          { title: 'mode' },
          { title: 'steps', flexible: true },
          { title: '' },
        ],
        offerRows(report),
      ),
    );
  }
  const failures = describeFailures(report);
  if (report.notes.length + failures.length > 0) console.line();
  for (const note of report.notes)
    console.line(color.yellow('note') + paragraph(note, 'note ').slice('note'.length));
  for (const failure of failures)
    console.line(color.red('FAIL') + paragraph(failure, 'FAIL ').slice('FAIL'.length));
  const checks = [
    ...report.classes.flatMap((of) => of.comparisons),
    ...report.chains,
    ...report.offers.filter((of) => !of.passed || of.notCompared.length === 0),
  ];
  const failed = checks.filter((check) => !check.passed);
  console.line();
  console.line(
    report.passed
      ? color.green(
          paragraph(
            `verified: ${plural(checks.length, 'check')} over ${plural(plan.sites.length, 'site')}, rows ${report.tokens.join(', ')}, seed ${report.seed}`,
          ),
        )
      : color.red(`not verified: ${failed.length} of ${plural(checks.length, 'check')} failed`),
  );
}
