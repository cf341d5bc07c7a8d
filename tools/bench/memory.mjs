// Child of the bench: reads and plans one file under --expose-gc and prints what the heap holds.
// The parent reads the peak from --trace-gc on the same run.
import { readFileSync } from 'node:fs';

const path = process.argv[2] ?? '';
const { readAndPlan } = await import('./plan-phases.mjs');
const collect = () => {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const bytes = readFileSync(path);
const before = collect();
console.log('BEGIN');
const held = await readAndPlan(bytes);
console.log('END');
const after = collect();
console.log(
  JSON.stringify({
    inputBytes: bytes.length,
    before,
    retained: after - before,
    nodes: held.graph.nodes.length,
  }),
);
