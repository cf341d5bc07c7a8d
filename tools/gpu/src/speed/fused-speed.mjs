import { FusionSpeed } from '../fusion-speed.mjs';
import { timesOf } from './samples.mjs';

const HIDDEN = 8192;
const ROUNDS = 15;

/**
 * Time of a fused all-reduce + add + norm of FlashInfer on the GPU in µs, by ranks that share the first one: from the moment at
 * which all ranks may begin to the last one's end. Null where the addon has none of its kernels.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {number} capability compute capability times 10
 * @param {{ quick: boolean, seed: number, endsAt: number }} options `endsAt` on the clock of `performance.now`
 */
export async function measureFused(binding, capability, { quick, seed, endsAt }) {
  if (binding.flashinferVersion === null) return null;
  const cases = (quick ? [2] : [2, 4, 8]).flatMap((size) =>
    (quick ? [16] : [1, 16, 128]).flatMap((tokens) =>
      /** @type {const} */ (['one-shot', 'two-shot'])
        // The two-shot kernel gives each rank tokens of its own.
        .filter((shot) => shot === 'one-shot' || tokens > size)
        .map((shot) => ({ shot, size, hidden: HIDDEN, tokens })),
    ),
  );
  const rows = [];
  for (const fusion of cases) {
    if (performance.now() > endsAt) break;
    const run = await FusionSpeed.open(fusion, {
      capability,
      arithmetic: binding.arithmetic,
      seed,
    });
    try {
      rows.push({ ...fusion, launch: timesOf(await run.measure(ROUNDS)) });
    } finally {
      await run.close();
    }
  }
  return { sharedGpu: true, flashinfer: binding.flashinferVersion, cases: cases.length, rows };
}
