// Prints what launches cost the host, as JSON: the child of `pnpm bench launch`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { gunzipSync } from 'node:zlib';
import { createNccl, native, override, parseTarget, plan, readGraph } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { createExecutor, openLocalGroup } from '@arfuse/runtime';
import { symmMem } from '@arfuse/symm-mem';
import { repositoryRoot } from '../src/lib/root.mjs';
import { idleDevice } from './idle-device.mjs';
import { GRAPH } from './plan.mjs';
import { quantile } from './statistics.mjs';

const quick = process.argv.includes('--quick');
const RANKS = 2;
const TOKENS = 16;
const BATCH = 1000;
const BATCHES = quick ? 100 : 1000;
const HEAP_CALLS = 100_000;
const { gc } = /** @type {{ gc: () => void }} */ (/** @type {unknown} */ (globalThis));

/**
 * @param {() => void} call
 * @param {number} count
 */
function nanoseconds(call, count) {
  const begun = process.hrtime.bigint();
  for (let i = 0; i < count; i += 1) call();
  return Number(process.hrtime.bigint() - begun) / count;
}

/** Bytes of heap per call: the least of a few runs, since compiling the first ones takes some. @param {() => void} call */
function heapBytes(call) {
  const runs = Array.from({ length: 4 }, () => {
    gc();
    const before = getHeapStatistics().used_heap_size;
    for (let i = 0; i < HEAP_CALLS; i += 1) call();
    return Math.max(0, getHeapStatistics().used_heap_size - before) / HEAP_CALLS;
  });
  return Math.min(...runs);
}

/**
 * @param {() => void} call
 * @param {() => void} bare
 * @param {number} kernels
 * @param {number} calls per batch
 */
function cost(call, bare, kernels, calls) {
  /** @type {number[]} */
  const own = [];
  /** @type {number[]} */
  const alone = [];
  for (let batch = -BATCHES / 10; batch < BATCHES; batch += 1) {
    const a = nanoseconds(call, calls);
    const b = nanoseconds(bare, calls);
    if (batch < 0) continue;
    own.push(a);
    alone.push(b);
  }
  const ns = (/** @type {number} */ value) => Math.round(value * 10) / 10;
  return {
    medianNs: ns(quantile(own, 0.5)),
    p10Ns: ns(quantile(own, 0.1)),
    p90Ns: ns(quantile(own, 0.9)),
    bareMedianNs: ns(quantile(alone, 0.5)),
    overheadNs: ns(
      quantile(
        own.map((value, index) => value - (alone[index] ?? Number.NaN)),
        0.5,
      ),
    ),
    heapBytes: Math.round(heapBytes(call) * 100) / 100,
    kernels,
  };
}

/** @param {string} kernel what every site launches, with what must follow it */
async function open(kernel) {
  const text = gunzipSync(readFileSync(join(repositoryRoot, GRAPH)));
  const { programs } = await readGraph(text, { source: GRAPH });
  const [program] = programs;
  if (!program) throw new Error('the input holds no program');
  const made = plan(program.graph, {
    target: parseTarget(`h200-sxm,world=${RANKS}`),
    use: [flashinfer(), symmMem()],
    policy: override(kernel),
  });
  const groups = await openLocalGroup({ ranks: RANKS });
  const executors = await Promise.all(
    groups.map((group) =>
      createExecutor(made, group, {
        device: idleDevice(group.rank),
        backends: [flashinfer(), symmMem(), createNccl(), native()],
      }),
    ),
  );
  return { plan: made, executor: /** @type {import('@arfuse/runtime').Executor} */ (executors[0]) };
}

/** @type {Record<string, ReturnType<typeof cost>>} */
const costs = {};
let sites = 0;
for (const [name, kernel, kernels] of /** @type {const} */ ([
  ['fused', '@arfuse/flashinfer/one-shot', 1],
  ['composed', '@arfuse/nccl/all-reduce', 2],
])) {
  const { plan: made, executor } = await open(kernel);
  sites = made.sites.length;
  const ids = made.sites.map(({ id }) => executor.bind(id, executor.allocateSite(id)));
  const eager = executor.defineStep(ids);
  const captured = executor.defineStep(ids);
  executor.capture(captured, [TOKENS]);
  const stream = idleDevice(0).createStream();
  const graph = stream.endCapture();
  const launch = { maxRows: TOKENS, close() {} };
  const enqueue = (/** @type {number} */ count) => () => {
    for (let i = 0; i < count; i += 1) stream.enqueue(launch, TOKENS);
  };
  const [first] = /** @type {[number]} */ (/** @type {unknown} */ (ids));
  costs[`launch, ${name}`] = cost(
    () => executor.launch(first, TOKENS),
    enqueue(kernels),
    kernels,
    BATCH,
  );
  costs[`step of ${sites} sites, ${name}, eager`] = cost(
    () => executor.enqueue(eager, TOKENS),
    enqueue(kernels * sites),
    kernels * sites,
    BATCH / 20,
  );
  costs[`step of ${sites} sites, ${name}, one graph`] = cost(
    () => executor.enqueue(captured, TOKENS),
    () => stream.launch(graph),
    1,
    BATCH,
  );
}
console.log(JSON.stringify({ plan: { sites, ranks: RANKS }, costs }));
