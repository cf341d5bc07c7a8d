// Conformance on the first GPU: `pnpm gpu:test [--only norm,ranks,recovery,producers] [--quick] [--out FILE] [--minutes N]
// [--from SHAPE] [--kernels IDS] [--dtypes …] [--sizes …] [--hidden …] [--tokens …] [--repetitions N] [--seed N]`. The norm kernel
// byte by byte, every chain through every collective kernel on ranks that share the GPU, recovery from a rank that never comes, and
// sites right behind kernels that write what they read, with PDL off and on.
import { writeFileSync } from 'node:fs';
import { checkExecution, checkRecovery, formatExecutionReport } from '@arfuse/conformance';
import { runProducers } from './src/behind-producers.mjs';
import { COLLECTIVES, FULL, PRODUCERS, QUICK, sharedGpu, versions } from './src/matrix.mjs';
import { runNormCases } from './src/norm-conformance.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { BACKENDS } from './src/open-ranks.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { provenance } from './src/provenance.mjs';
import { selfCheck } from './src/self-check.mjs';
import { timeLimit, watchdog } from './src/watchdog.mjs';

const PARTS = ['norm', 'ranks', 'recovery', 'producers'];
const text = /** @type {const} */ ({ type: 'string' });
const values = optionsOf(import.meta.url, {
  only: { ...text, default: PARTS.join(',') },
  quick: { type: 'boolean', default: false },
  out: text,
  minutes: { ...text, default: '9' },
  from: text,
  kernels: text,
  dtypes: text,
  sizes: text,
  hidden: text,
  tokens: text,
  repetitions: { ...text, default: '50' },
  seed: text,
});
const minutes = Number(values.minutes);
const seed = seedOf(values.seed);
const parts = values.only.split(',');
const repetitions = Number(values.repetitions);
const unknown = parts.find((part) => !PARTS.includes(part));
if (unknown !== undefined || !(minutes > 0 && repetitions > 0) || !Number.isInteger(seed)) {
  console.error(
    `--only knows ${PARTS.join(', ')}; --minutes, --repetitions and --seed are numbers.`,
  );
  process.exit(2);
}
const numbers = (/** @type {string | undefined} */ list) => list?.split(',').map(Number);
/** @param {typeof FULL | typeof QUICK | typeof PRODUCERS} base */
const shapesOf = (base) => ({
  dtypes: /** @type {readonly import('@arfuse/contract').IoDType[]} */ (
    values.dtypes?.split(',') ?? base.dtypes
  ),
  sizes: numbers(values.sizes) ?? base.sizes,
  hidden: numbers(values.hidden) ?? base.hidden,
  tokens: numbers(values.tokens) ?? base.tokens,
});
const shapes = shapesOf(values.quick ? QUICK : FULL);
const kernels = values.kernels?.split(',') ?? COLLECTIVES;
const { binding, facts } = openGpu();
const capability = Math.round(facts.capability * 10);
watchdog(minutes + 1);
const ended = timeLimit(minutes);
/** @type {Record<string, unknown>} */
const result = {
  suite: 'conformance on one GPU',
  ...provenance(facts),
  ...versions(binding),
  seed,
};
let failed = false;

if (parts.includes('norm')) {
  const norm = await runNormCases(binding, { quick: values.quick, seed });
  for (const { run, dtype, hidden, rows, found } of norm.failures.slice(0, 20))
    console.log(`${run}, ${dtype}, ${rows} × ${hidden}: ${found}`);
  console.log(`norm kernel: ${norm.passed} passed, ${norm.failures.length} failed`);
  failed ||= norm.failures.length > 0 || norm.passed === 0;
  result.norm = norm;
}
const shared = parts.some((part) => part !== 'norm') ? sharedGpu(binding) : undefined;
if (shared) {
  const faults = await selfCheck(shared.checker, binding, seed);
  for (const fault of faults.slice(0, 12)) console.log(fault);
  console.log(
    `checks on the GPU: ${faults.length === 0 ? 'as on the host' : 'other than on the host'}`,
  );
  failed ||= faults.length > 0;
  result.checks = { faults };
}
if (shared && !failed && parts.includes('ranks')) {
  const ranks = await checkExecution({
    ...shapes,
    ...shared,
    kernels,
    backends: BACKENDS,
    capability,
    seed,
    specialUpTo: 64,
    watched: 2 ** 20,
    sampled: 16,
    ended,
    ...(values.from === undefined ? {} : { from: values.from }),
    onShape: (name) => console.error(`${Math.round(performance.now() / 1000)} s: ${name}`),
  });
  console.log(formatExecutionReport(ranks));
  failed ||= !ranks.passed;
  result.ranks = {
    ...shapes,
    kernels,
    proof:
      'Every element of every result at rank 0 was compared on the GPU with what arfuse’s arithmetic computes on the host of the same generated inputs, and every other rank bit by bit with rank 0. Behind a first norm that is not exact, 16 rows of each case were computed from the one that was found.',
    ...ranks,
  };
}
if (shared && parts.includes('recovery')) {
  const recoveries = [];
  for (const kernel of kernels)
    for (const size of values.quick ? [2] : shapes.sizes) {
      const report = await checkRecovery({
        ...shared,
        kernel,
        devices: shared.devices(size),
        backends: BACKENDS,
        capability,
        rounds: values.quick ? 6 : 50,
        after: values.quick ? 100 : 1000,
        seed,
        ended,
      });
      recoveries.push(report);
      const { rounds, asked, operations, msAfterDeadline: ms, faults, refused } = report;
      console.log(
        `recovery of ${kernel}, N=${size}: ${refused ? `refused: ${refused.join(' ')}` : `${rounds} of ${asked} rounds, ${operations} operations after them, errors ${ms?.median.toFixed(1)} ms after the deadline (at most ${ms?.max.toFixed(1)})`}`,
      );
      for (const fault of faults) console.log(`     ${fault}`);
      failed ||= !refused && (!report.passed || rounds < asked);
    }
  result.recovery = recoveries;
}
if (shared && !failed && parts.includes('producers')) {
  const producers = await runProducers({
    ...shared,
    ...shapesOf(values.quick ? QUICK : PRODUCERS),
    binding,
    kernels,
    capability,
    repetitions: values.quick ? Math.min(repetitions, 10) : repetitions,
    seed,
    ended,
    onShape: (name) => console.error(`${Math.round(performance.now() / 1000)} s: ${name}`),
  });
  failed ||= !producers.passed;
  result.producers = producers;
}
await shared?.close();
if (values.out !== undefined)
  writeFileSync(values.out, `${JSON.stringify({ ...result, minutes }, null, 2)}\n`);
console.log(failed ? 'failed' : 'passed');
process.exit(failed ? 1 : 0);
