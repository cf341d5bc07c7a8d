// Builds a threshold table as data, lets arfuse check it, bumps its version as the change demands, and plans with it.
// The numbers are made up, so the table says `synthetic: true`; such a table cannot be packed.
import { fileURLToPath } from 'node:url';
import { diffTables, parseTable, plan, readGraph, validateTable } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';

const key = {
  sku: 'h200-sxm',
  capability: 90,
  groupSize: 2,
  nodes: 1,
  interconnect: 'nvlink-switch',
  multicast: false,
  dtype: 'bf16',
  pattern: 'ar_add_rms',
  mode: 'graph',
};
const unfused = ['@arfuse/nccl/all-reduce', '@arfuse/native/norm'];
const fused = ['@arfuse/flashinfer/one-shot'];
const row = (tokens, kernels, medianUs) => ({
  key,
  tokens,
  hidden: 4096,
  itemsize: 2,
  kernels,
  medianUs,
  n: 7,
});

function table(version, fusedAt256) {
  return parseTable({
    specificationVersion: 1,
    kind: 'measured',
    name: '@acme/thresholds-h200',
    version,
    title: 'an example',
    synthetic: true,
    provenance: { source: 'made up for this example', date: '2026-11-23' },
    rows: [
      row(1, unfused, 9.1),
      row(1, fused, 5.4),
      row(64, unfused, 12.9),
      row(64, fused, 7.3),
      row(256, unfused, 18.0),
      row(256, fused, fusedAt256),
    ],
  });
}

const first = table('1.0.0', 12.2);
const { errors, warnings } = validateTable(first);
console.log(`checked: ${errors.length} errors, ${warnings.length} warnings`);

// A new driver made the fused kernel slower at 256 tokens: a decision changes, so the version step is a major one.
const second = table('2.0.0', 21.5);
console.log(`from 1.0.0: ${diffTables(first, second).bump}`);

const path = fileURLToPath(new URL('../fixtures/graphs/llama3-8b.tp2.fx.txt.gz', import.meta.url));
const { programs } = await readGraph(path);
const options = { target: 'h200-sxm,world=2,tokens=256', use: [flashinfer()] };
for (const [name, tables] of [
  ['built-in tables', []],
  ['version 1', [first]],
  ['version 2', [second]],
]) {
  const [decision] = plan(programs[0].graph, { ...options, tables }).decisions;
  console.log(`\n${name}`);
  for (const { tokens, steps, evidence } of decision.segments) {
    console.log(
      `  ${tokens.join('–')}: ${steps.map((step) => step.kernel).join(' + ')} (${evidence.kind})`,
    );
  }
}
