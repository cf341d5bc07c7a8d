import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { repositoryRoot } from '../src/lib/root.mjs';
import { cold, memory, warm } from './measure.mjs';
import { repeatLayers } from './repeat-layers.mjs';
import { exponent, round } from './statistics.mjs';

export const GRAPH = 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz';
const SCALES = [10_000, 50_000, 100_000, 200_000];
const CLI = 'packages/cli/dist/main.js';

/**
 * Times parse, match and plan, and how they grow.
 *
 * @param {boolean} quick
 */
export async function benchPlan(quick) {
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
  return { llama, commands, scales, exponents, heap };
}
