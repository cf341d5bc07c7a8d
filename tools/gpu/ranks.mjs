// Ranks that share the first GPU: `pnpm gpu:ranks [--out FILE] [--quick]`. Every chain through every collective kernel, and
// recovery from a rank that never comes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openGpu } from './src/open-gpu.mjs';
import { runRankCases } from './src/rank-cases.mjs';
import { runRecovery } from './src/recovery.mjs';

const { out, quick, collectives } = parseArgs({
  options: {
    out: { type: 'string' },
    quick: { type: 'boolean', default: false },
    collectives: { type: 'string', default: '@arfuse/symm-mem/one-shot,@arfuse/symm-mem/two-shot' },
  },
}).values;
const { facts, binding } = openGpu();
const { arithmetic } = binding;
const capability = facts.capability * 10;
const names = collectives.split(',');
const seed = Date.now() % 2 ** 31;
const cases = await runRankCases({
  collectives: names,
  sizes: quick ? [2, 4] : [2, 4, 8],
  hidden: quick ? [1024, 2880] : [1024, 2560, 2880, 4096, 7168, 8192],
  tokens: quick ? [1, 7, 64] : [1, 2, 3, 7, 16, 63, 64, 129],
  dtypes: quick ? ['bf16'] : ['bf16', 'f16', 'f32'],
  most: quick ? 1_000_000 : 4_000_000,
  capability,
  arithmetic,
  seed,
});
for (const failure of cases.failures.slice(0, 12)) console.log(`${failure.case}: ${failure.found}`);
console.log(JSON.stringify({ refused: cases.refused, ulps: cases.ulps }));
console.log(`${cases.passed} passed, ${cases.failures.length} failed`);
const recoveries = [];
for (const collective of names)
  for (const size of quick ? [2] : [2, 4, 8]) {
    const result = await runRecovery({
      collective,
      size,
      rounds: quick ? 6 : 50,
      after: quick ? 100 : 1000,
      capability,
      arithmetic,
    });
    recoveries.push(result);
    console.log(JSON.stringify(result));
  }
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify({ suite: 'ranks sharing a GPU', ...facts, seed, ...cases, recoveries }, null, 2)}\n`,
  );
const broken = recoveries.some(({ faults = [] }) => faults.length > 0);
process.exitCode = cases.failures.length > 0 || broken ? 1 : 0;
