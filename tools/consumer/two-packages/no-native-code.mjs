// Importing, reading and planning load no addon and open no driver: the process maps no new shared object.
import assert from 'node:assert/strict';

process.report.excludeNetwork = true;
const sharedObjects = () => new Set(process.report.getReport().sharedObjects);

const before = sharedObjects();
const { parseTarget, plan, readGraph } = await import('@arfuse/core');
const { flashinfer } = await import('@arfuse/flashinfer');
const { programs } = await readGraph(process.argv[2]);
plan(programs[0].graph, { target: parseTarget('h200-sxm,world=2'), use: [flashinfer()] });
const added = [...sharedObjects()].filter((path) => !before.has(path));

assert.deepEqual(added, [], 'reading and planning loaded shared objects');
assert.ok(before.size > 0, 'this Node does not list its shared objects');
console.log(`${before.size} shared objects before and after`);
