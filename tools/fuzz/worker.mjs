// Reads one damaged input per message and says what came of it.
import { parentPort, workerData } from 'node:worker_threads';
import { readGraph } from '@arfuse/torch';
import { corpus } from './corpus.mjs';
import { errorProblem, graphProblem } from './judge.mjs';
import { damaged } from './mutate.mjs';
import { Random } from './random.mjs';

const seeds = corpus();

/** @typedef {{ outcome: 'parsed' | 'refused', problem?: string }} Outcome */
/** @typedef {Outcome & { index: number }} Answer */

/** @param {{ name: string, bytes: Buffer }} input @returns {Promise<Outcome>} */
async function read({ name, bytes }) {
  try {
    const { programs } = await readGraph(bytes, {
      source: name,
      limits: { maxBytes: 128 * 1024 * 1024 },
    });
    if (programs.length === 0) return { outcome: 'parsed', problem: 'no program and no error' };
    const problem = programs
      .map(({ graph }) => graphProblem(graph))
      .find((found) => found !== undefined);
    return { outcome: 'parsed', ...(problem ? { problem } : {}) };
  } catch (error) {
    const problem = errorProblem(error);
    return { outcome: 'refused', ...(problem ? { problem } : {}) };
  }
}

parentPort?.on('message', async (/** @type {number} */ index) => {
  const input = damaged(seeds, new Random(workerData.seed, index));
  parentPort?.postMessage({ index, ...(await read(input)) });
});
parentPort?.postMessage('ready');
