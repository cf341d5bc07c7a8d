// Computes expected results of some rows on the host, into memory that the asking thread shares.
import { parentPort } from 'node:worker_threads';
import { hostExpect, scalePlace } from '@arfuse/conformance';
import { findStage } from '@arfuse/contract';
import { loadNative } from '@arfuse/native';

/** @typedef {{ id: number, asked: import('@arfuse/conformance').ExecutionCase, tokens: number, buffers: Record<string, SharedArrayBuffer> }} Job */

const { binding } = loadNative();
const expect = hostExpect(binding.arithmetic, binding.check.codes);

/**
 * Scales of some rows to where the layout of all rows has them.
 *
 * @param {Job} job
 * @param {Uint8Array} part
 * @param {Uint8Array} whole
 */
function placeScales({ asked, tokens }, part, whole) {
  const { site, row = 0 } = asked;
  const quant = findStage(site.stages, 'quant');
  if (!quant) return;
  const groups = quant.groupSize === null ? 1 : site.hidden / quant.groupSize;
  const width = quant.scaleDtype === 'f32' ? 4 : 1;
  for (let at = 0; at < asked.tokens; at += 1)
    for (let group = 0; group < groups; group += 1) {
      const from = scalePlace(quant, asked.tokens, groups, at, group);
      const to = scalePlace(quant, tokens, groups, row + at, group);
      for (let byte = 0; byte < width; byte += 1) whole[to + byte] = part[from + byte] ?? 0;
    }
}

parentPort?.on('message', async (/** @type {Job} */ job) => {
  const { id, asked, buffers } = job;
  try {
    const results = await expect(asked);
    for (const [name, bytes] of Object.entries(results)) {
      const whole = new Uint8Array(/** @type {SharedArrayBuffer} */ (buffers[name]));
      if (name === 'scale') placeScales(job, bytes, whole);
      else whole.set(bytes, ((asked.row ?? 0) * bytes.length) / asked.tokens);
    }
    parentPort?.postMessage({ id });
  } catch (error) {
    parentPort?.postMessage({ id, error: /** @type {Error} */ (error).message });
  }
});
