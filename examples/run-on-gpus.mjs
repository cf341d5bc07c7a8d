// Plans, proves the plan on devices, then launches it with buffers of its own. On a laptop devices simulate the kernels;
// `node examples/run-on-gpus.mjs --on gpu` uses this machine's GPUs, one rank each.
import { fileURLToPath } from 'node:url';
import { openRanks, plan, readGraph, runOnDevices, verifyOnDevices } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';

const on = process.argv.join(' ').endsWith('--on gpu') ? 'gpu' : 'reference';
const use = [flashinfer(), symmMem()];
const path = fileURLToPath(new URL('../fixtures/pt2/llama-tiny.tp2.pt2', import.meta.url));
const { graph } = (await readGraph(path)).programs[0];
const decided = plan(graph, { target: 'h200-sxm,world=2,tokens=64', use });

// Every class by every segment: results against the reference, guard bands, all ranks equal.
const { passed, launches } = await verifyOnDevices(decided, { on, use });
console.log(`${launches.length} launches on ${on}: ${passed ? 'right' : 'wrong'}`);

// Every site, and what a step of all of them takes by the device's clock.
const report = await runOnDevices(decided, { on, use, tokens: 16 });
for (const { class: id, kernels, outputs, us } of report.classes) {
  const ulps = outputs.map(({ output, maxUlps }) => `${output} ${maxUlps} ULP`).join(', ');
  console.log(`class ${id} [${kernels.join(' + ')}]: ${ulps}; ${us.median.toFixed(1)} µs`);
}
console.log(`step of ${report.step.sites} sites, as ${report.step.mode}`);

// The same with buffers of your own: bind once, launch as often as you like, errors come from sync().
const opened = await openRanks(decided, { on, use });
const { id: site, hidden } = decided.sites[0];
const ones = new Uint16Array(4 * hidden).fill(0x3f80); // bfloat16 1.0, four rows
const sums = await opened.ranks.each(async (executor) => {
  const buffers = executor.allocateSite(site);
  for (const buffer of [...buffers.partials, ...Object.values(buffers.inputs)])
    await executor.write(buffer, ones.subarray(0, buffer.bytes / 2));
  const binding = executor.bind(site, buffers);
  executor.launch(binding, 4);
  await executor.sync();
  const residual = await executor.read(buffers.outputs.residual, 2);
  return new Uint16Array(residual.buffer)[0];
});
await opened.close();
// 1 from each of two ranks and 1 of the residual: 3.0.
console.log(`sums by rank: ${sums.map((code) => `0x${code.toString(16)}`).join(' ')}`);
