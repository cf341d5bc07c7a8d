// Speed on a GPU: `pnpm gpu:bench [--only launch,collectives,fused,norm] [--torch] [--quick] [--minutes N] [--seed N] [--out FILE]`.
// Medians with spread; what is timed is checked first, in the same run. The sections share the minutes (3, or 1 with --quick); the
// norm is last and takes what is left. Without a GPU it says so and ends with exit code 3.
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { provenance } from './src/provenance.mjs';
import { measureCollectives } from './src/speed/collective-speed.mjs';
import { measureFused } from './src/speed/fused-speed.mjs';
import { measureHeap, measureLaunch } from './src/speed/launch-cost.mjs';
import { normSection } from './src/speed/norm-section.mjs';
import { measureStep } from './src/speed/step-cost.mjs';

const { only, torch, quick, out, ...given } = optionsOf(import.meta.url, {
  only: { type: 'string' },
  minutes: { type: 'string' },
  out: { type: 'string' },
  seed: { type: 'string' },
  torch: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
});
const seed = seedOf(given.seed);
const minutes = Number(given.minutes ?? (quick ? 1 : 3));
/** When the last measurement begins, on the clock of `performance.now`. */
const endsAt = performance.now() + minutes * 60_000;

/** @typedef {ReturnType<typeof openGpu>} Gpu */

/** Each measures, prints what a reader wants to see at once, and returns what the file keeps. */
const SECTIONS = {
  launch: async (/** @type {Gpu} */ { binding, facts }) => {
    const launch = await measureLaunch(binding);
    const { node, native, overUs } = launch;
    console.log(
      `one launch: ${node.medianUs.toFixed(2)} µs of host time, ${native.medianUs.toFixed(2)} from C++: ${overUs.toFixed(2)} over`,
    );
    const heap = await measureHeap(binding);
    console.log(
      `JavaScript heap per launch: ${heap.bytesPerLaunch} bytes, at most ${heap.mostBytesPerLaunch}`,
    );
    const step = await measureStep(binding.arithmetic, facts.capability * 10, seed);
    console.log(
      `a step of ${step.sites} sites by one call: ${step.call.medianUs.toFixed(2)} µs of host time`,
    );
    return { launch, heap, step };
  },
  collectives: async (/** @type {Gpu} */ { binding, facts }) => {
    const found = await measureCollectives(binding.arithmetic, facts.capability * 10, {
      quick,
      seed,
      endsAt,
    });
    console.log(
      `ranks that share this GPU, indicative only${found.complete ? '' : ', cut short'}:`,
    );
    for (const { collective, size, tokens, ...row } of found.rows)
      console.log(
        `${collective}, N=${size}, ${tokens} tokens: ${'site' in row ? `${row.site.medianUs.toFixed(1)} µs per site` : row.refused.join(' ')}`,
      );
    return found;
  },
  fused: async (/** @type {Gpu} */ { binding, facts }) => {
    const found = await measureFused(binding, facts.capability * 10, { quick, seed, endsAt });
    if (found === null) console.log("fused: the addon was built without FlashInfer's headers");
    for (const { shot, size, tokens, launch } of found?.rows ?? [])
      console.log(
        `fused ${shot}, N=${size}, ${tokens} tokens: ${launch.medianUs.toFixed(1)} µs on the GPU`,
      );
    return found;
  },
  norm: (/** @type {Gpu} */ { binding }) => normSection(binding, { quick, torch, seed, endsAt }),
};

const names = /** @type {(keyof typeof SECTIONS)[]} */ (only?.split(',') ?? Object.keys(SECTIONS));
const unknown = names.filter((name) => !Object.hasOwn(SECTIONS, name));
const mistakes = [
  ...(unknown.length > 0
    ? [
        `--only: there is no section "${unknown.join('", "')}". Sections: ${Object.keys(SECTIONS).join(', ')}.`,
      ]
    : []),
  ...(Number.isInteger(seed) ? [] : [`--seed: expected a whole number, not "${given.seed}".`]),
  ...(minutes > 0 ? [] : [`--minutes: expected a number above 0, not "${given.minutes}".`]),
];
if (mistakes.length > 0) {
  console.error(mistakes.join('\n'));
  process.exit(2);
}
// Before minutes of measuring, not after them.
if (out !== undefined) accessSync(dirname(out), constants.W_OK);
const gpu = openGpu();
/** @type {Record<string, unknown>} */
const sections = {};
for (const name of names) sections[name] = await SECTIONS[name](gpu);
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify({ suite: 'gpu bench', ...provenance(gpu.facts), sections }, null, 2)}\n`,
  );
