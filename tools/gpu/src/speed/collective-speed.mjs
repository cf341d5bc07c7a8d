import { BACKENDS } from '../open-ranks.mjs';
import { timesOf } from './samples.mjs';
import { openStep } from './step-cost.mjs';

const SITES = 16;
const HIDDEN = 8192;
const ROUNDS = 15;
const WARMUP = 3;

/** Kernels that may reduce on ranks of one process: NCCL refuses two ranks on one GPU of a process. */
const COLLECTIVES = BACKENDS.flatMap(({ kernels }) => kernels)
  .map(({ id }) => id)
  .filter((id) => /^@arfuse\/(symm-mem|flashinfer)\//.test(id));

/**
 * Wall time of one add + norm site in µs, on ranks that share the first GPU: they also share its memory and its
 * multiprocessors, so the figures say what such a set-up costs, and nothing about GPUs with links.
 *
 * @param {import('@arfuse/native').NativeArithmetic} arithmetic
 * @param {number} capability compute capability times 10
 * @param {{ quick: boolean, seed: number, endsAt: number }} options
 */
export async function measureCollectives(arithmetic, capability, { quick, seed, endsAt }) {
  const rows = [];
  for (const collective of COLLECTIVES)
    for (const size of quick ? [2] : [2, 4, 8])
      for (const tokens of quick ? [16] : [1, 16, 128]) {
        if (performance.now() > endsAt)
          return { sharedGpu: true, sites: SITES, complete: false, rows };
        const what = { collective, size, hidden: HIDDEN, tokens };
        const opened = await openStep(arithmetic, {
          ...what,
          sites: SITES,
          capability,
          seed,
        }).catch((error) => ({ refused: [/** @type {Error} */ (error).message] }));
        if ('refused' in opened) {
          rows.push({ ...what, refused: opened.refused });
          continue;
        }
        const { ranks, steps, close } = opened;
        try {
          /** @type {number[]} */
          const us = [];
          for (let round = -WARMUP; round < ROUNDS; round += 1) {
            const begun = performance.now();
            ranks.enqueueStep(steps, tokens);
            await ranks.sync();
            if (round >= 0) us.push(((performance.now() - begun) * 1000) / SITES);
          }
          rows.push({ ...what, site: timesOf(us) });
        } finally {
          await close();
        }
      }
  return { sharedGpu: true, sites: SITES, complete: true, rows };
}
