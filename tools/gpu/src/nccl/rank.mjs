// One rank of `pnpm gpu:nccl`, which starts it as a launcher does; see spawn-ranks.mjs. It tells what it found as
// lines of JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '@arfuse/core';
import { loadNative, openCudaDevice, openNccl } from '@arfuse/native';
import { createNccl } from '@arfuse/nccl';
import { createExecutor, openGroup } from '@arfuse/runtime';
import { rankPlan } from '../rank-plan.mjs';
import { Findings, NcclSite } from './site.mjs';

/**
 * @typedef {object} Case
 * @property {string} chain
 * @property {'bf16' | 'f16' | 'f32'} dtype
 * @property {number} hidden
 * @property {readonly number[]} tokens
 */
/**
 * @typedef {object} Task
 * @property {'results' | 'recovery' | 'death'} kind
 * @property {readonly Case[]} cases
 * @property {number} seed
 * @property {number} rounds
 */

const task = /** @type {Task} */ (JSON.parse(process.env.ARFUSE_TASK ?? 'null'));
const tell = (/** @type {object} */ what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const COLLECTIVE = '@arfuse/nccl/all-reduce';
const BACKENDS = [createNccl({ withoutWindows: true }), native()];

// What blocks this thread comes before the group, whose heartbeats run on it.
const { binding } = loadNative();
const { arithmetic } = binding;
const device = openCudaDevice(0, { binding });
device.load();
const { library } = openNccl({ binding });
const group = await openGroup();
const { rank, size } = group;
const findings = new Findings();
let { seed } = task;

/** @param {Case} one @param {{ deadlineMs: number }} options */
async function openSite(one, { deadlineMs }) {
  const { chain, dtype, hidden, tokens } = one;
  const capability = Number(device.facts.capability);
  const made = rankPlan({
    chain,
    dtype,
    hidden,
    size,
    tokens,
    collective: COLLECTIVE,
    backends: BACKENDS,
    capability,
  });
  if ('reasons' in made) throw new Error(made.reasons.join(' '));
  const begun = performance.now();
  const executor = await createExecutor(made.plan, group, {
    device,
    backends: BACKENDS,
    ranksPerDevice: size,
    deadlineMs,
    recoveryMs: 20_000,
  });
  const opened = performance.now() - begun;
  return { executor, opened, site: new NcclSite({ executor, group, arithmetic, findings }) };
}

/** Every case: each launch size twice, and replayed in a graph of two sites. */
async function results() {
  const opened = [];
  const launches = [];
  for (const one of task.cases) {
    const { executor, site, opened: ms } = await openSite(one, { deadlineMs: 60_000 });
    opened.push(ms);
    const step = executor.defineStep([site.id, site.id]);
    executor.capture(step, one.tokens);
    const name = `${one.chain}, ${one.dtype}, N=${size}, hidden ${one.hidden}`;
    for (const tokens of one.tokens)
      for (const way of ['launch', 'launch', 'graph']) {
        seed += 1;
        await site.fill(tokens, seed);
        const begun = performance.now();
        if (way === 'graph') await executor.step(step, tokens);
        else {
          executor.launch(site.id, tokens);
          await executor.sync();
        }
        launches.push((performance.now() - begun) / (way === 'graph' ? 2 : 1));
        await site.check(`${name}, ${tokens} tokens, ${way}, seed ${seed}`);
      }
    await executor.close();
    site.close();
  }
  const median = (/** @type {number[]} */ of) => of.toSorted((a, b) => a - b)[of.length >> 1];
  return { openMs: median(opened), launchMs: median(launches) };
}

/** A rank that comes too late, alone and inside a captured step: all get the typed error, connect anew, and go on. */
async function recovery() {
  const DEADLINE_MS = 2000;
  const one = /** @type {Case} */ (task.cases[0]);
  const { executor, site } = await openSite(one, { deadlineMs: DEADLINE_MS });
  const tokens = /** @type {number} */ (one.tokens[0]);
  const step = executor.defineStep([site.id, site.id]);
  executor.capture(step, [tokens]);
  const run = async (/** @type {boolean} */ captured) => {
    if (captured) return await executor.step(step, tokens);
    executor.launch(site.id, tokens);
    await executor.sync();
  };
  const took = [];
  for (let round = 0; round < task.rounds; round += 1) {
    const late = round % size;
    const captured = round % 2 === 1;
    await group.barrier();
    const begun = performance.now();
    const waits =
      rank === late ? sleep(DEADLINE_MS + 500).then(() => executor.sync()) : run(captured);
    const error = await waits.then(
      () => undefined,
      (failure) => failure,
    );
    took.push(performance.now() - begun - DEADLINE_MS);
    if (error?.code !== 'ARFUSE_DEADLINE' || error.details.missing?.[0] !== late)
      findings.failures.push(`round ${round}: ${error ? error.message : 'no error'}`);
    await group.barrier();
    for (const way of [false, true]) {
      seed += 1;
      await site.fill(tokens, seed);
      await run(way);
      await site.check(`after round ${round}, ${way ? 'graph' : 'launch'}, seed ${seed}`);
    }
  }
  await executor.close();
  site.close();
  return { rounds: task.rounds, msAfterDeadline: Math.max(...took) };
}

/** The last rank dies while the others wait in a launch: each of them says so. */
async function death() {
  const one = /** @type {Case} */ (task.cases[0]);
  const { executor, site } = await openSite(one, { deadlineMs: 60_000 });
  const tokens = /** @type {number} */ (one.tokens[0]);
  seed += 1;
  await site.fill(tokens, seed);
  executor.launch(site.id, tokens);
  await executor.sync();
  await site.check(`before the death, seed ${seed}`);
  await group.barrier();
  if (rank === size - 1) {
    await sleep(500);
    tell({ died: Date.now() });
    await sleep(50);
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  }
  executor.launch(site.id, tokens);
  const error = await executor.sync().then(
    () => undefined,
    (failure) => failure,
  );
  const reported = Date.now();
  const named = error?.code === 'ARFUSE_PEER_LOST' && error.details.rank === size - 1;
  if (!named) findings.failures.push(`a dead rank: ${error ? error.message : 'no error'}`);
  await executor.close();
  return { reported, code: error?.code, message: error?.message, closedMs: Date.now() - reported };
}

const found = await { results, recovery, death }[task.kind]();
await group.close();
tell({
  rank,
  nccl: library.version,
  file: library.file,
  ...found,
  passed: findings.passed,
  failures: findings.failures,
  worst: findings.worst,
  ulps: Object.fromEntries([...findings.ulps].sort(([a], [b]) => a - b)),
});
// A communicator that a dead rank left behind may still have threads.
process.exit(0);
