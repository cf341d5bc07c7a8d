// One process per rank, all on the first GPU: `pnpm gpu:processes [--out FILE] [--quick] [--seconds N]
// [--collectives IDS]`. Chains through memory that the
// processes map from each other by CUDA IPC, a rank that does not launch, and a rank that dies. The driver gives the GPU to
// one process after the other, so nothing here is a measure of speed.
import { writeFileSync } from 'node:fs';
import { openGpu } from './src/open-gpu.mjs';
import { BACKENDS } from './src/open-ranks.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { runProcessCase } from './src/processes/process-cases.mjs';

const { out, quick, seconds, collectives } = optionsOf(import.meta.url, {
  out: { type: 'string' },
  quick: { type: 'boolean', default: false },
  /** Most of one case. */
  seconds: { type: 'string', default: '60' },
  collectives: { type: 'string' },
});
const { facts } = openGpu();
const executes = (/** @type {string} */ kernel) =>
  BACKENDS.some(({ name, open }) => open && kernel.startsWith(`${name}/`));
const names =
  collectives?.split(',') ??
  ['@arfuse/symm-mem', '@arfuse/flashinfer']
    .flatMap((backend) => [`${backend}/one-shot`, `${backend}/two-shot`])
    .filter(executes);
const first = seedOf();
/** @type {Record<string, unknown>[]} */
const results = [];
for (const collective of names)
  for (const size of quick ? [2] : [2, 4])
    for (const { name, ...change } of [
      { name: 'launches' },
      { name: 'a rank that does not launch', late: size - 1 },
      { name: 'a rank that dies', dies: 0 },
      { name: 'another rank that dies', dies: size - 1 },
    ]) {
      const plain = name === 'launches';
      const task = {
        collective,
        chain: 'add + norm',
        dtype: /** @type {const} */ ('bf16'),
        hidden: 4096,
        // FlashInfer's two-shot takes more tokens than ranks.
        tokens:
          plain && !quick
            ? [collective === '@arfuse/flashinfer/two-shot' ? size + 1 : 1, 16, 63, 129]
            : [16],
        runs: plain ? 3 : 1,
        seed: first + 1000 * results.length,
        capability: facts.capability * 10,
        ...change,
      };
      const found = await runProcessCase(task, { size, seconds: Number(seconds) });
      const result = { collective, size, case: name, seed: task.seed, ...found };
      results.push(result);
      console.log(JSON.stringify(result));
    }
const failed = results.filter((result) => 'fault' in result).length;
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify({ suite: 'processes sharing a GPU', ...facts, results }, null, 2)}\n`,
  );
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
