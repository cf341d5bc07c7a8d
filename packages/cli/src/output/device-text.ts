import type {
  DeviceRunReport,
  DeviceTimes,
  DeviceVerification,
  ExecutionPlace,
  LaunchCheck,
  Plan,
  UlpHistogram,
} from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { micros, plural, shortSteps } from './names.ts';
import { type TableRow, textTable } from './text-table.ts';
import { paragraph } from './wrap.ts';

/** Where the ranks ran, in one line, and a warning where several shared a GPU. */
export function printPlace(place: ExecutionPlace, console: Console): void {
  const [first] = place.devices;
  const name = first?.facts.device ?? place.device;
  const ordinals = [...new Set(place.devices.map(({ ordinal }) => ordinal))];
  const here =
    place.here.length === place.ranks
      ? `${plural(place.ranks, 'rank')} in this process`
      : `rank ${place.here.join(', ')} of ${place.ranks}, started by ${place.launcher}`;
  console.line(`devices  ${name} (GPU ${ordinals.join(', ')}), ${here}`);
  if (place.ranksPerDevice > 1)
    console.line(
      console.color.yellow(
        paragraph(
          `${place.ranksPerDevice} ranks share each GPU: results count, times say nothing of production.`,
          'note     ',
        ),
      ),
    );
}

/** Counts of distances, largest share first. */
export function histogramText(histogram: UlpHistogram): string {
  return Object.entries(histogram)
    .map(([ulps, count]) => `${ulps}: ${count}`)
    .join(', ');
}

const spreadText = ({ p10, p90 }: DeviceTimes): string => `${micros(p10)}–${micros(p90)}`;

/** What every class took and how far its results were from the reference. */
export function printDeviceRun(report: DeviceRunReport, console: Console): void {
  printPlace(report.place, console);
  console.line();
  const rows = report.classes.flatMap((of): string[][] =>
    of.outputs.map(({ output, maxUlps, histogram }, i) => [
      i === 0 ? of.class : '',
      i === 0 ? `${of.checked}/${of.sites}` : '',
      i === 0 ? `${of.mode} ${shortSteps(of.kernels)}` : '',
      i === 0 ? micros(of.us.median) : '',
      i === 0 ? spreadText(of.us) : '',
      output,
      String(maxUlps),
      histogramText(histogram),
    ]),
  );
  console.line(
    textTable(
      [
        { title: 'class' },
        { title: 'checked', align: 'right' },
        { title: 'steps', flexible: true },
        { title: 'µs', align: 'right' },
        { title: 'p10–p90', align: 'right' },
        { title: 'output' },
        { title: 'ULP', align: 'right' },
        { title: 'elements by ULP', flexible: true },
      ],
      rows,
    ),
  );
  const { sites, mode, us } = report.step;
  console.line(
    `\nstep of ${plural(sites, 'site')} (${mode}): ${micros(us.median)} µs, p10–p90 ${spreadText(us)}, n ${us.n}`,
  );
  console.line(
    paragraph(
      'ULP: distance to the reference, in representable values. µs: by events of the device, the slowest rank, inputs in cache.',
    ),
  );
}

/** One row per output of a launch; what belongs to the launch stands in the first. */
function launchRows(check: LaunchCheck): TableRow[] {
  return check.outputs.map(({ output, maxUlps, histogram, passed, nan }, i) => [
    i === 0 ? check.class : '',
    i === 0 ? String(check.tokens) : '',
    i === 0 ? `${check.mode} ${shortSteps(check.steps)}` : '',
    output,
    String(maxUlps),
    histogramText(histogram),
    nan ?? '-',
    passed && check.faults.length === 0 ? 'ok' : 'FAIL',
  ]);
}

/** What was launched and how closely it came, then each failure in a full sentence. */
export function printDeviceVerification(
  plan: Plan,
  report: DeviceVerification,
  failures: readonly string[],
  console: Console,
): void {
  const { color } = console;
  printPlace(report.place, console);
  console.line();
  console.line(
    textTable(
      [
        { title: 'class' },
        { title: 'tokens', align: 'right' },
        { title: 'steps', flexible: true },
        { title: 'output' },
        { title: 'ULP', align: 'right' },
        { title: 'elements by ULP', flexible: true },
        { title: 'NaN' },
        { title: '' },
      ],
      report.launches.flatMap(launchRows),
    ),
  );
  if (report.launches.some(({ outputs }) => outputs.some(({ nan }) => nan === 'lost')))
    console.line(
      paragraph(
        'NaN lost: the quantiser of these kernels turns a NaN of the row into a number, as their numerics record says.',
        '\n',
        0,
      ),
    );
  if (failures.length > 0) console.line();
  for (const failure of failures)
    console.line(color.red('FAIL') + paragraph(failure, 'FAIL ').slice('FAIL'.length));
  if (report.failedElsewhere.length > 0)
    console.line(color.red(`FAIL ranks ${report.failedElsewhere.join(', ')}: see what they print`));
  console.line();
  const launches = plural(report.launches.length, 'launch', 'launches');
  console.line(
    report.passed
      ? color.green(
          `verified on ${report.place.device === 'gpu' ? 'GPUs' : 'reference devices'}: ${launches} of ${plural(plan.classes.length, 'class', 'classes')}, ` +
            `all ranks equal, nothing written outside, seed ${report.seed}`,
        )
      : color.red(
          `not verified: ${report.launches.filter(({ passed }) => !passed).length} of ${launches} failed`,
        ),
  );
}
