import assert from 'node:assert/strict';
import { defaultPolicy, firstOf, parseTarget, plan, prefer, readGraph, verify } from '@arfuse/core';
import { acme } from './dist/index.js';

const KERNEL = '@acme/fast/one-shot';
const { programs } = await readGraph(process.argv[2]);
const [{ graph }] = programs;
const made = plan(graph, {
  target: parseTarget('h200-sxm,world=2'),
  use: [acme()],
  policy: firstOf(prefer(KERNEL), defaultPolicy()),
});
const segments = made.decisions.flatMap((decision) => decision.segments);
const used = segments.filter(({ steps }) => steps.some(({ kernel }) => kernel === KERNEL));
assert.ok(used.length > 0, 'the preferred kernel is in no segment');
for (const { tokens } of used) assert.ok(tokens[1] <= 512, `admitted for ${tokens[1]} tokens`);

const report = await verify(made, { graph, tokens: [1, 7] });
assert.equal(report.passed, true, JSON.stringify(report, null, 2).slice(0, 2000));
console.log(`${used.length} segments use ${KERNEL}; verified, ${made.hash}`);
