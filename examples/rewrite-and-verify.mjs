// Plans, rewrites the graph, proves the rewrite, and shows that a forged plan is caught by its numbers.
import { fileURLToPath } from 'node:url';
import { describeFailures, plan, readGraph, rewrite, sealPlan, verify } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';

const path = fileURLToPath(new URL('../fixtures/pt2/llama-tiny.tp2.pt2', import.meta.url));
const { graph } = (await readGraph(path)).programs[0];
const decided = plan(graph, { target: 'h200-sxm,world=2', use: [flashinfer()] });

for (const tokens of [64, 8192]) {
  const rewritten = rewrite(graph, decided, { tokens });
  console.log(`${tokens} tokens: ${graph.nodes.length} nodes become ${rewritten.nodes.length}`);
}

const report = verify(decided, { graph, tokens: [1, 7] });
for (const { class: id, steps, comparisons } of report.classes) {
  console.log(`class ${id} [${steps.join(' + ')}]`);
  for (const { kind, output, maxUlps, bound } of comparisons) {
    console.log(`  ${kind} ${output}: ${maxUlps} ULP (required: ${bound})`);
  }
}
console.log(`verified: ${report.passed}`);

// Somebody changes eps and seals the plan again: the hash is right, the numbers are not.
const { hash, ...open } = structuredClone(decided);
for (const stage of open.classes[0].stages) if (stage.kind === 'norm') stage.eps = 1e-4;
const forged = sealPlan(open);
console.log(`\nforged: hash ${hash.slice(0, 8)} is now ${forged.hash.slice(0, 8)}`);
const [failure] = describeFailures(verify(forged, { graph, tokens: [7] }));
console.log(failure);
