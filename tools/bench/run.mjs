// Speed and memory of planning: `pnpm bench plan [--json FILE] [--quick]`, after `pnpm build`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { repositoryRoot } from '../src/lib/root.mjs';
import { requireBuilt } from '../src/lib/workspace.mjs';
import { repeatLayers } from './repeat-layers.mjs';
import { printReport } from './report.mjs';
import { exponent, round } from './statistics.mjs';

const GRAPH = 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz';
const SCALES = [10_000, 50_000, 100_000, 200_000];
const CLI = 'packages/cli/dist/main.js';

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
    if (positionals.length !== 1 || positionals[0] !== 'plan') {
      throw new Error('say what to measure: plan');
    }
    return { json: values.json, quick: values.quick };
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    console.error(`${reason}\nusage: pnpm bench plan [--json FILE] [--quick]`);
    process.exit(2);
  }
}

const { json, quick } = options();
requireBuilt('core', 'flashinfer', 'symm-mem', 'cli');
const { cold, memory, warm } = await import('./measure.mjs');
const text = gunzipSync(readFileSync(join(repositoryRoot, GRAPH)));
const folder = join(repositoryRoot, '.cache/bench');
mkdirSync(folder, { recursive: true });

console.error('warm phases …');
const llama = await warm(text, quick ? 5 : 60, quick ? 10 : 100);

console.error('cold command …');
const runs = quick ? 3 : 15;
const plan = [CLI, 'plan', GRAPH, '--target', 'h200-sxm,world=2', '--json'];
const commands = {
  'node -e 0': cold(['-e', '0'], runs),
  'arfuse --version': cold([CLI, '--version'], runs),
  'arfuse plan llama3-8b': cold(plan, runs),
};

/** @type {import('./report.mjs').Warm[]} */
const scales = [];
for (const nodes of quick ? SCALES.slice(0, 2) : SCALES) {
  console.error(`${nodes} nodes …`);
  const repeated = Buffer.from(repeatLayers(text.toString(), nodes).text);
  writeFileSync(join(folder, 'largest.txt'), repeated);
  scales.push(await warm(repeated, 1, quick ? 2 : 5));
}
/** @param {import('./report.mjs').Phase} phase */
const growth = (phase) =>
  round(exponent(scales.map((scale) => ({ size: scale.nodes, ms: scale[phase].medianMs }))));
const exponents = {
  parse: growth('parse'),
  match: growth('match'),
  matchAndPlan: growth('matchAndPlan'),
  total: growth('total'),
};

console.error('memory …');
writeFileSync(join(folder, 'llama3-8b.txt'), text);
const heap = {
  'llama3-8b': memory(join(folder, 'llama3-8b.txt')),
  [`${scales.at(-1)?.nodes} nodes`]: memory(join(folder, 'largest.txt')),
};

const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
};
const result = { machine, llama, commands, scales, exponents, heap };
printReport(result);
if (json !== undefined) {
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nwritten to ${json}`);
}
