// One rank of a case in a process of its own; see spawn-ranks.mjs. It runs the task's launches, compares its results with the
// same arithmetic on the host, and reports each launch as a line of JSON.
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { measure, POISON } from '@arfuse/conformance';
import { openCudaDevice, openNccl } from '@arfuse/native';
import { createExecutor, openGroup } from '@arfuse/runtime';
import { hostChain } from '../host-chain.mjs';
import { exact } from '../matrix.mjs';
import { BACKENDS } from '../open-ranks.mjs';
import { rankPlan } from '../rank-plan.mjs';
import { HELD_MS } from './process-cases.mjs';

/** @typedef {import('./process-cases.mjs').Task} Task */

/** Most of a stage of a recovery in which NCCL connects anew. */
const RECONNECT_MS = 20_000;
/** A rank that is not dead but does not launch; less than the parent waits. */
const DEADLINE_MS = 3000;

const task = /** @type {Task} */ (JSON.parse(process.env.ARFUSE_TASK ?? 'null'));
const report = (/** @type {object} */ line) => console.log(JSON.stringify(line));

// What blocks this thread comes before the group, whose heartbeats run on it.
const nccl = task.collective.startsWith('@arfuse/nccl/');
if (nccl) openNccl();
const group = await openGroup({ rendezvousTimeoutMs: 30_000 });
const device = openCudaDevice(group.device);
const { arithmetic } = /** @type {import('@arfuse/native').CudaBinding} */ (device.native);
const made = rankPlan({ ...task, size: group.size, backends: BACKENDS });
if ('reasons' in made) {
  report({ refused: made.reasons });
  await group.close();
  process.exit(0);
}
const { plan, site, segment } = made;
const mostUlps = segment.steps.every(({ kernel }) => exact(kernel)) ? 0 : 1;
const executor = await createExecutor(plan, group, {
  device,
  backends: BACKENDS,
  ranksPerDevice: task.ownGpus ? 1 : group.size,
  ...(nccl ? { recoveryMs: task.holds ? HELD_MS : RECONNECT_MS } : {}),
  deadlineMs: task.late === undefined && task.dies === undefined ? 60_000 : DEADLINE_MS,
});
const buffers = executor.allocateSite('s0');
const id = executor.bind('s0', buffers);

/** @param {number} rows @param {number} seed */
async function launch(rows, seed) {
  const { inputs, expected } = hostChain(arithmetic, site, segment.numerics, {
    ranks: group.size,
    rows,
    seed,
  });
  for (const [i, buffer] of buffers.partials.entries())
    await executor.write(buffer, /** @type {Uint8Array} */ (inputs.partials[group.rank]?.[i]));
  for (const [name, buffer] of Object.entries(buffers.inputs)) {
    const bytes = inputs.shared[/** @type {keyof typeof inputs.shared} */ (name)];
    if (bytes) await executor.write(buffer, bytes);
  }
  for (const buffer of Object.values(buffers.outputs))
    await executor.write(buffer, new Uint8Array(buffer.bytes).fill(POISON));
  const begun = performance.now();
  executor.launch(id, rows);
  await executor.sync();
  const ms = performance.now() - begun;
  /** @type {Record<string, string>} */
  const digests = {};
  const faults = [];
  for (const [name, buffer] of Object.entries(buffers.outputs)) {
    const wanted = /** @type {Uint8Array} */ (
      expected[/** @type {keyof typeof expected} */ (name)]
    );
    const bytes = await executor.read(buffer);
    const found = bytes.subarray(0, wanted.length);
    digests[name] = createHash('sha256').update(found).digest('hex');
    const { unwritten, worst } = measure(site.dtype, found, wanted);
    if (unwritten > 0) faults.push(`${unwritten} elements of "${name}" are not written`);
    if (worst > mostUlps) faults.push(`"${name}" is ${worst} ULP off`);
    if (bytes.subarray(wanted.length).some((byte) => byte !== POISON))
      faults.push(`something was written behind "${name}"`);
  }
  report({ rows, seed, ms, digests, faults });
}

/** What a launch that is never completed ends with at this rank, and after how long. @param {number} rows */
async function incomplete(rows) {
  await group.barrier();
  const begun = performance.now();
  if (group.rank === task.dies) {
    // The others hear of the barrier first.
    await setTimeout(200);
    process.kill(process.pid, 'SIGKILL');
  }
  if (group.rank !== task.late) executor.launch(id, rows);
  let error;
  // The late rank waits for nothing itself; the others tell it.
  while (!error && performance.now() - begun < 3 * DEADLINE_MS) {
    error = await executor.sync().then(
      () => undefined,
      (caught) => caught,
    );
    await setTimeout(20);
  }
  const at = performance.now();
  report({
    ended: error?.code ?? null,
    message: error?.message ?? null,
    missing: error?.details?.missing ?? null,
    held: error?.details?.held ?? null,
    rank: error?.details?.rank ?? null,
    ms: at - begun,
  });
}

let { seed } = task;
for (const rows of task.tokens)
  for (let run = 0; run < task.runs; run += 1) {
    await launch(rows, seed);
    seed += 1;
  }
const [rows = 1] = task.tokens;
if (task.late !== undefined) {
  await incomplete(rows);
  if (!task.holds) await launch(rows, seed);
}
if (task.dies !== undefined) await incomplete(rows);
await executor.close();
await group.close();
// What a dead rank held cannot be freed in order.
process.exit(0);
