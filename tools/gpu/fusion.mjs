// FlashInfer's fused launch through arfuse and without it, side by side, ranks sharing the first GPU:
// `pnpm gpu:fusion [--out FILE] [--quick]`. Each case is checked before it is timed. The other side is `fusion_speed`, which
// `cmake -DARFUSE_HARNESS=ON native/build && cmake --build native/build --target fusion_speed` puts beside the addon.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadNative } from '@arfuse/native';
import { quantile } from '../bench/statistics.mjs';
import { BareHarness } from './src/bare-harness.mjs';
import { FusionSpeed } from './src/fusion-speed.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf, seedOf } from './src/options.mjs';

const { out, quick } = optionsOf(import.meta.url, {
  out: { type: 'string' },
  quick: { type: 'boolean', default: false },
});
const { binding, facts } = openGpu();
const path = join(dirname(loadNative().from.path), 'fusion_speed');
if (!existsSync(path) || binding.flashinferVersion === null) {
  console.log(
    binding.flashinferVersion === null
      ? "the addon was built without FlashInfer's headers. Nothing was run."
      : `${path} does not exist. Nothing was run.`,
  );
  process.exit(3);
}
/** A run that is not through by then hangs. */
const LIMIT_MS = quick ? 240_000 : 560_000;
setTimeout(() => {
  console.log('the time limit has passed');
  process.exit(124);
}, LIMIT_MS).unref();

const ALTERNATIONS = 4;
const ROUNDS = quick ? 10 : 15;
const capability = facts.capability * 10;
const seed = seedOf();
const harness = new BareHarness(path);

/** @param {readonly number[]} us */
const summary = (us) => ({
  medianUs: quantile(us, 0.5),
  p10Us: quantile(us, 0.1),
  p90Us: quantile(us, 0.9),
  n: us.length,
});

/** Sizes that the host can check in time. */
const SHAPES = [
  { hidden: 1024, tokens: [1, 16, 128, 2048] },
  { hidden: 4096, tokens: [4, 16, 128] },
  { hidden: 8192, tokens: [2, 16, 128] },
];
const rows = [];
const columns = [
  'ranks',
  'hidden',
  'tokens',
  'shot',
  'blocks',
  'bare µs',
  'arfuse µs',
  'ratio',
  'launcher',
];
console.log(columns.map((name) => name.padStart(10)).join(''));
for (const size of [2, 4, 8])
  for (const { hidden, tokens: counts } of SHAPES)
    for (const tokens of quick ? counts.slice(1, 3) : counts)
      for (const shot of /** @type {const} */ (['one-shot', 'two-shot'])) {
        if (shot === 'two-shot' && tokens <= size) continue;
        const fusion = { size, hidden, tokens, shot };
        const shape = await harness.run(fusion, 0, 0);
        const { blocks } = binding.fusion.geometry({
          shot,
          pattern: 1,
          dtype: 'bf16',
          rows: tokens,
          hidden,
          size,
          ranksPerDevice: size,
          multiprocessors: shape.multiprocessors,
          registers: shape.registers,
          activeClusters: shape.activeClusters,
        });
        // Where ranks that share a GPU get fewer clusters, the harness launches as few.
        const own = blocks === shape.blocks;
        const run = await FusionSpeed.open(fusion, {
          capability,
          arithmetic: binding.arithmetic,
          seed: seed + rows.length,
        });
        const bare = [];
        const through = [];
        for (let turn = 0; turn < ALTERNATIONS; turn += 1) {
          const { us, completes } = await harness.run(fusion, ROUNDS, own ? 0 : blocks);
          if (completes !== true)
            throw new Error(`${JSON.stringify(fusion)} would hang in the harness`);
          bare.push(...us);
          through.push(...(await run.measure(ROUNDS)));
        }
        await run.close();
        const row = {
          ...fusion,
          threads: shape.threads,
          cluster: shape.cluster,
          blocks,
          launcher: own ? "FlashInfer's" : 'its kernel in the same grid',
          bare: summary(bare),
          arfuse: summary(through),
        };
        const ratio = row.arfuse.medianUs / row.bare.medianUs;
        rows.push({ ...row, ratio });
        const cells = [
          size,
          hidden,
          tokens,
          shot,
          blocks,
          row.bare.medianUs.toFixed(2),
          row.arfuse.medianUs.toFixed(2),
          ratio.toFixed(3),
          own ? 'own' : 'same grid',
        ];
        console.log(cells.map((cell) => String(cell).padStart(10)).join(''));
      }
harness.close();
const slower = rows.filter(({ ratio }) => ratio > 1.02);
console.log(`${rows.length} cases, ${slower.length} more than 2 % slower through arfuse`);
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify({ suite: 'fused launches, with and without arfuse', ...facts, flashinfer: binding.flashinferVersion, seed, rows }, null, 2)}\n`,
  );
process.exit(0);
