import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NormBuffers } from './norm-buffers.mjs';
import { timesOf } from './samples.mjs';

/** Launches of a batch: fewer than a stream's queue holds, so that none waits for the GPU. */
const BATCH = 256;
const ROUNDS = 41;
const WARMUP = 8;
const HEAP_BATCHES = 400;

const SHAPE = { rows: 1, hidden: 4096 };

/**
 * A prepared norm of one row, and a stream: host time and heap are looked at, so the GPU's part is as small as can be.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {(stream: import('@arfuse/native').NativeStream, launch: import('@arfuse/contract').DeviceLaunch) => Promise<T>} body
 * @template T
 * @returns {Promise<T>}
 */
async function withLaunch(binding, body) {
  const buffers = new NormBuffers(binding, SHAPE, 'norm');
  const stream = new binding.Stream(0);
  await buffers.fill(stream, 1);
  const launch = binding.prepareNorm(0, buffers.launch(0));
  try {
    return await body(stream, launch);
  } finally {
    await stream.sync();
    launch.close();
    buffers.close();
  }
}

/**
 * Host time of one launch in µs from JavaScript, and of the same launch from a loop in the addon, batches in turn.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 */
export function measureLaunch(binding) {
  return withLaunch(binding, async (stream, launch) => {
    /** @type {{ node: number[], native: number[] }} */
    const us = { node: [], native: [] };
    for (let round = -WARMUP; round < ROUNDS; round += 1) {
      const begun = performance.now();
      for (let i = 0; i < BATCH; i += 1) stream.enqueue(launch, 1);
      const node = ((performance.now() - begun) * 1000) / BATCH;
      await stream.sync();
      const native = stream.timeEnqueue(launch, 1, BATCH) / 1000 / BATCH;
      await stream.sync();
      if (round < 0) continue;
      us.node.push(node);
      us.native.push(native);
    }
    const [node, native] = [timesOf(us.node), timesOf(us.native)];
    return { ...SHAPE, batch: BATCH, node, native, overUs: node.medianUs - native.medianUs };
  });
}

/**
 * Bytes of JavaScript heap that a launch allocates: what the heap grew by over batches without a collection.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 */
export function measureHeap(binding) {
  setFlagsFromString('--expose-gc');
  const collect = /** @type {() => void} */ (runInNewContext('gc'));
  return withLaunch(binding, async (stream, launch) => {
    const enqueue = () => {
      for (let i = 0; i < BATCH; i += 1) stream.enqueue(launch, 1);
    };
    for (let round = 0; round < WARMUP * 8; round += 1) {
      enqueue();
      await stream.sync();
    }
    /** @type {number[]} */
    const grown = [];
    for (let batch = 0; batch < HEAP_BATCHES; batch += 1) {
      collect();
      const empty = process.memoryUsage().heapUsed;
      const before = process.memoryUsage().heapUsed;
      enqueue();
      const after = process.memoryUsage().heapUsed;
      // What looking itself allocates.
      grown.push(after - before - (before - empty));
      await stream.sync();
    }
    const sorted = grown.toSorted((a, b) => a - b);
    return {
      launches: HEAP_BATCHES * BATCH,
      bytesPerLaunch: (sorted[sorted.length >> 1] ?? Number.NaN) / BATCH,
      mostBytesPerLaunch: (sorted.at(-1) ?? Number.NaN) / BATCH,
    };
  });
}
