import { count, recoveryTable } from './gpu-proof.mjs';

/** @typedef {import('./gpu-results.mjs').Times} Times */
/** @typedef {import('@arfuse/conformance').ExecutionReport & { kernels: readonly string[] }} FamilyReport */
/** @typedef {{ kernel: string, case: string, launches?: number, endedAfterMs?: number, fault?: string, refused?: readonly string[] }} ProcessResult */
/** @typedef {{ kernel: string, tokens: number, site?: Times, refused?: readonly string[], failed?: string }} SpeedRow */
/**
 * What `pnpm gpu:pair` writes; parts that were left out are absent.
 * @typedef {import('./gpu-proof.mjs').Facts & { seed: number, nccl: string,
 *   conformance?: { dtypes: readonly string[], hidden: readonly number[], tokens: readonly number[], reports: readonly FamilyReport[] },
 *   processes?: { results: readonly ProcessResult[] },
 *   recovery?: readonly import('@arfuse/conformance').RecoveryReport[],
 *   launcher?: { results: readonly { name: string, faults: readonly string[] }[] },
 *   speed?: { sites: number, hidden: number, rows: readonly SpeedRow[] } }} Pair
 */

const code = (/** @type {string} */ kernel) => `\`${kernel}\``;

/** @param {Pair} pair */
function conformanceLines({ conformance }) {
  if (!conformance) return [];
  const { dtypes, hidden, tokens, reports } = conformance;
  return [
    `Every chain in one process, ${dtypes.join(', ')}, hidden ${hidden.join(', ')}, ${tokens.join(', ')} tokens, by the rules above:`,
    '',
    '| kernels | cases | launches | elements | rules broken |',
    '| --- | ---: | ---: | ---: | --- |',
    ...reports.map(({ kernels, cases, launches, elements, checks, complete }) => {
      const broken = checks.filter((check) => check.broken > 0).map(({ text }) => text);
      const rest = complete ? '' : '; not finished';
      return `| ${kernels.map(code).join(', ')} | ${count(cases)} | ${count(launches)} | ${count(elements)} | ${broken.join('; ') || 'none'}${rest} |`;
    }),
    '',
  ];
}

/** @param {ProcessResult | undefined} result */
function processCell(result) {
  if (!result) return '-';
  if (result.refused) return 'refused';
  if (result.fault !== undefined) return 'wrong';
  if (result.endedAfterMs === undefined) return `${result.launches} right`;
  return `reported after ${(result.endedAfterMs / 1000).toFixed(2)} s`;
}

/** @param {Pair} pair */
function processLines({ processes }) {
  if (!processes) return [];
  const cases = [...new Set(processes.results.map((result) => result.case))];
  const kernels = [...new Set(processes.results.map(({ kernel }) => kernel))];
  return [
    'A process per rank, launches of fresh inputs; a rank that does not launch is reported when the deadline of 3 s is over:',
    '',
    `| kernel | ${cases.join(' | ')} |`,
    `| --- | ${cases.map(() => '---:').join(' | ')} |`,
    ...kernels.map((kernel) => {
      const of = processes.results.filter((result) => result.kernel === kernel);
      const cells = cases.map((name) => processCell(of.find((result) => result.case === name)));
      return `| ${[code(kernel), ...cells].join(' | ')} |`;
    }),
    '',
  ];
}

/** @param {Pair} pair */
function launcherLines({ launcher }) {
  if (!launcher) return [];
  const said = launcher.results.map(
    ({ name, faults }) => `\`${name}\` ${faults.length === 0 ? 'right' : 'failed'}`,
  );
  return [`Started as by torchrun: ${said.join(', ')}.`, ''];
}

/** @param {SpeedRow | undefined} row */
function speedCell(row) {
  if (!row?.site) return row?.refused ? 'refused' : '-';
  const { medianUs, p10Us, p90Us } = row.site;
  return `${medianUs.toFixed(1)} (${p10Us.toFixed(1)} to ${p90Us.toFixed(1)})`;
}

/** @param {Pair} pair */
function speedLines({ speed }) {
  if (!speed) return [];
  const tokens = [...new Set(speed.rows.map((row) => row.tokens))];
  const kernels = [...new Set(speed.rows.map(({ kernel }) => kernel))];
  return [
    `µs of one all-reduce + add + norm site, bf16, hidden ${speed.hidden}, in a captured step of ${speed.sites}, of the slower rank; median (p10 to p90).`,
    'Indicative: one thread launches both ranks.',
    '',
    `| kernel | ${tokens.map((rows) => `${rows} ${rows === 1 ? 'token' : 'tokens'}`).join(' | ')} |`,
    `| --- | ${tokens.map(() => '---:').join(' | ')} |`,
    ...kernels.map((kernel) => {
      const of = speed.rows.filter((row) => row.kernel === kernel);
      return `| ${[code(kernel), ...tokens.map((rows) => speedCell(of.find((row) => row.tokens === rows)))].join(' | ')} |`;
    }),
    '',
  ];
}

/** What was proved and measured with a GPU for each of two ranks. @param {readonly Pair[]} pairs */
export const pairLines = (pairs) =>
  pairs.flatMap((pair) => [
    '## Two GPUs',
    '',
    `\`pnpm gpu:pair\` on two ${pair.device}, one rank on each (${pair.date}, seed ${pair.seed}, NCCL ${pair.nccl}).`,
    '',
    ...conformanceLines(pair),
    ...processLines(pair),
    ...(pair.recovery
      ? [
          'A rank that never launches, in one process; milliseconds from the deadline to the typed error:',
          '',
          ...recoveryTable(pair.recovery),
        ]
      : []),
    ...launcherLines(pair),
    ...speedLines(pair),
  ]);
