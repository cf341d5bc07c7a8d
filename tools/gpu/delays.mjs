// The exchange protocol under injected delays, on ranks that share the first GPU: `pnpm gpu:delays [--runs N]
// [--seconds N] [--out FILE]`.
import { writeFileSync } from 'node:fs';
import { runWithDelays } from './src/delay-runs.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf } from './src/options.mjs';

const { out, runs, seconds } = optionsOf(import.meta.url, {
  out: { type: 'string' },
  /** Exchanges per number of ranks. */
  runs: { type: 'string', default: '10000' },
  /** Most per number of ranks. */
  seconds: { type: 'string', default: '150' },
});
const { facts, binding } = openGpu();
const results = [];
for (const size of [2, 4, 8]) {
  const result = await runWithDelays({
    size,
    runs: Number(runs),
    seconds: Number(seconds),
    seed: (Date.now() + size) % 2 ** 31,
    capability: facts.capability * 10,
    arithmetic: binding.arithmetic,
  });
  results.push(result);
  console.log(JSON.stringify(result));
}
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify({ suite: 'exchanges with delays', ...facts, results }, null, 2)}\n`,
  );
process.exitCode = results.some(({ faults, complete }) => faults.length > 0 || !complete) ? 1 : 0;
