// Two GPUs, one rank on each: `pnpm gpu:pair [--only conformance,processes,recovery,launcher,speed] [--quick] [--out FILE]
// [--minutes N] [--kernels IDS] [--dtypes …] [--hidden …] [--tokens …] [--seed N]`. Every chain through every collective kernel in one
// process, chains with a process per rank, recovery, programs started as by torchrun, and a short table of times.
import { writeFileSync } from 'node:fs';
import { formatExecutionReport } from '@arfuse/conformance';
import { openCudaDevice, openNccl } from '@arfuse/native';
import { expectPool } from './src/expect-pool.mjs';
import { exact, versions } from './src/matrix.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { pairConformance, pairRecovery, readingChecker } from './src/pair/in-process.mjs';
import { KERNELS, staysHeld } from './src/pair/kernels.mjs';
import { pairLaunched } from './src/pair/launched.mjs';
import { pairProcesses } from './src/pair/processes.mjs';
import { pairSpeed } from './src/pair/speed.mjs';
import { provenance } from './src/provenance.mjs';
import { printLine } from './src/speed/samples.mjs';
import { timeLimit, watchdog } from './src/watchdog.mjs';

/** Parts in order, and how much of the time has gone by when each has to end. */
const PARTS = { conformance: 0.45, processes: 0.7, recovery: 0.8, launcher: 0.85, speed: 1 };
const names = Object.keys(PARTS);
const text = /** @type {const} */ ({ type: 'string' });
const values = optionsOf(import.meta.url, {
  only: { ...text, default: names.join(',') },
  quick: { type: 'boolean', default: false },
  out: text,
  minutes: { ...text, default: '9' },
  kernels: { ...text, default: KERNELS.join(',') },
  dtypes: text,
  hidden: text,
  tokens: text,
  seed: text,
});
const minutes = Number(values.minutes);
const seed = seedOf(values.seed);
const only = values.only.split(',');
const kernels = values.kernels.split(',');
const stranger = [
  ...only.filter((part) => !names.includes(part)),
  ...kernels.filter((kernel) => !KERNELS.includes(kernel)),
];
if (stranger.length > 0 || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(
    stranger.length > 0
      ? `there is no ${stranger.join(', ')}; parts: ${names.join(', ')}; kernels: ${KERNELS.join(', ')}.`
      : '--minutes and --seed are numbers.',
  );
  process.exit(2);
}
// NVLink multicast stays off, whatever the environment says.
process.env.NCCL_NVLS_ENABLE = '0';
const { binding, facts, gpus } = openGpu(2);
watchdog(minutes + 1);
const capability = Math.round(facts.capability * 10);
const numbers = (/** @type {string | undefined} */ list) => list?.split(',').map(Number);
const shapes = {
  dtypes: /** @type {readonly import('@arfuse/contract').IoDType[]} */ (
    values.dtypes?.split(',') ?? (values.quick ? ['bf16'] : ['bf16', 'f16', 'f32'])
  ),
  hidden: numbers(values.hidden) ?? (values.quick ? [1024] : [1024, 2880]),
  tokens: numbers(values.tokens) ?? (values.quick ? [1, 7, 64] : [1, 3, 16, 129]),
};
const pool = expectPool(binding);
const given = {
  devices: [0, 1].map((ordinal) => openCudaDevice(ordinal, { binding })),
  kernels,
  capability,
  seed,
  exact,
  expect: pool.expect,
  checker: readingChecker(binding),
};
const progress = (/** @type {string} */ what) =>
  console.error(`${Math.round(performance.now() / 1000)} s: ${what}`);
/** NCCL's release, or why there is none. */
const nccl = (() => {
  try {
    return openNccl({ binding }).library.version;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
})();
let failed = false;
/** @type {Record<string, unknown>} */
const result = {
  suite: 'two GPUs',
  ...provenance(facts),
  ...versions(binding),
  gpus,
  nccl,
  seed,
  minutes,
};

let complete = true;

/** @param {boolean | undefined} right undefined: the time did not reach it @param {string} line @param {readonly string[]} [faults] */
function say(right, line, faults = []) {
  failed ||= right === false;
  complete &&= right !== undefined;
  console.log(`${right === undefined ? 'none' : right ? 'ok  ' : 'FAIL'} ${line}`);
  for (const fault of faults.slice(0, 8)) console.log(`     ${fault}`);
}

/** @type {Record<keyof typeof PARTS, (ended: () => boolean) => Promise<unknown>>} */
const parts = {
  async conformance(ended) {
    const reports = await pairConformance({
      ...given,
      ...shapes,
      ended,
      onShape: progress,
    });
    for (const report of reports) {
      console.log(formatExecutionReport(report));
      const reached = report.complete || report.cases > 0;
      const left = report.complete ? '' : `, not complete: "${report.next}" is next`;
      say(
        reached ? report.passed : undefined,
        `conformance of ${report.kernels.join(', ')}${left}`,
      );
      complete &&= report.complete;
    }
    return { ...shapes, reports };
  },
  async processes(ended) {
    const found = await pairProcesses({
      kernels,
      nccl,
      capability,
      seed,
      quick: values.quick,
      ended,
      onCase: (found) => {
        const {
          kernel,
          case: name,
          fault,
          refused,
          medianMs,
        } = /** @type {Record<string, any>} */ (found);
        const wrong = fault ?? refused?.join(' ');
        say(
          wrong === undefined,
          `processes: ${kernel}, ${name}: ${wrong ?? `${medianMs?.toFixed(2)} ms`}`,
        );
      },
    });
    complete &&= found.complete;
    return found;
  },
  async recovery(ended) {
    const reports = await pairRecovery({ ...given, nccl, rounds: 6, after: 100, ended });
    for (const report of reports) {
      const { kernel, rounds, asked, operations, faults } = report;
      const stopped = rounds < asked && faults.length === 0 && ended();
      say(
        stopped ? undefined : report.passed,
        `recovery of ${kernel}: ${rounds} of ${asked} rounds, ${operations} operations after them`,
        'refused' in report ? report.refused : faults,
      );
    }
    for (const kernel of kernels.filter((kernel) => staysHeld(kernel, nccl)))
      console.log(
        `     ${kernel} is not among them: NCCL ${nccl} cannot release it; see the processes`,
      );
    return reports;
  },
  async launcher(ended) {
    const launched = await pairLaunched({ seconds: 60, ended });
    complete &&= launched.complete;
    for (const { name, seconds, faults, said } of launched.results) {
      say(faults.length === 0, `as by torchrun: ${name}, ${seconds} s`, faults);
      for (const line of said) console.log(`     | ${line}`);
    }
    return launched;
  },
  async speed(ended) {
    const tokens = values.quick ? [16] : [1, 4, 16, 64, 128, 256, 512, 1024, 2048];
    const speed = await pairSpeed(binding.arithmetic, {
      ordinals: [0, 1],
      kernels,
      tokens,
      capability,
      seed,
      ended,
    });
    console.log(`µs of one add + norm site, bf16, hidden ${speed.hidden}; indicative`);
    printLine(['kernel'.padEnd(36), 'tokens', 'median', 'p10', 'p90']);
    for (const row of speed.rows) {
      const { kernel, tokens: count } = row;
      if ('site' in row)
        printLine([
          kernel.padEnd(36),
          count,
          ...[row.site.medianUs, row.site.p10Us, row.site.p90Us].map((us) => us.toFixed(1)),
        ]);
      else if ('failed' in row) say(false, `${kernel}, ${count} tokens: ${row.failed}`);
      else console.log(`${kernel}, ${count} tokens: refused: ${row.refused.join(' ')}`);
    }
    complete &&= speed.complete;
    return speed;
  },
};

for (const [name, share] of Object.entries(PARTS)) {
  if (!only.includes(name)) continue;
  progress(name);
  const over = timeLimit(minutes * share - performance.now() / 60_000);
  try {
    result[name] = await parts[/** @type {keyof typeof PARTS} */ (name)](over);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    say(false, `${name}: ${message}`);
    result[name] = { failed: message };
  }
  if (values.out !== undefined)
    writeFileSync(values.out, `${JSON.stringify({ ...result, failed, complete }, null, 2)}\n`);
}
await pool.close();
console.log(`${failed ? 'failed' : 'passed'}${complete ? '' : ', not complete'}`);
// What a kernel that hangs holds cannot be freed in order.
process.exit(failed ? 1 : 0);
