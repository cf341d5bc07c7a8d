// All that an application imports: the two packages that it installed.
import assert from 'node:assert/strict';
import { parseTarget, plan, readGraph, verify } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';

const { programs } = await readGraph(process.argv[2]);
const [{ graph }] = programs;
const made = plan(graph, { target: parseTarget('h200-sxm,world=2'), use: [flashinfer()] });
assert.deepEqual(
  { allReduces: made.summary.allReduces, sites: made.summary.sites, plain: made.summary.plain },
  { allReduces: 64, sites: 64, plain: 0 },
);
assert.ok(
  made.decisions.some(({ segments }) =>
    segments.some(({ steps }) =>
      steps.some(({ kernel }) => kernel.startsWith('@arfuse/flashinfer/')),
    ),
  ),
  'no segment uses a kernel of the installed backend',
);
const report = await verify(made, { graph, tokens: [1, 7] });
assert.equal(report.passed, true, JSON.stringify(report, null, 2).slice(0, 2000));
console.log(`${made.summary.sites} sites planned and verified, ${made.hash}`);
