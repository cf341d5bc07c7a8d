// Composes a policy from parts and shows what it decides, and why, for one site of the real Llama-3-8B graph.
import { fileURLToPath } from 'node:url';
import {
  cap,
  defaultPolicy,
  deny,
  explain,
  firstOf,
  margin,
  override,
  plan,
  readGraph,
  shadow,
} from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';

const path = fileURLToPath(new URL('../fixtures/graphs/llama3-8b.tp2.fx.txt.gz', import.meta.url));
const { programs } = await readGraph(path);

// Single-token decode stays on NCCL, two-shot is out, one-shot ends at 2048 tokens, a switch has to gain 10 %.
const ours = firstOf(
  override('@arfuse/nccl/all-reduce', { tokens: [1, 1] }),
  deny(
    '@arfuse/flashinfer/two-shot',
    cap('@arfuse/flashinfer/one-shot', { tokens: 2048 }, margin({ percent: 10 }, defaultPolicy())),
  ),
);
// The default policy looks over its shoulder: where it would choose otherwise, the plan notes it.
const policy = shadow(ours, defaultPolicy());

const decided = plan(programs[0].graph, {
  target: 'h200-sxm,world=2',
  use: [flashinfer(), symmMem()],
  policy,
});
console.log(explain(decided, { site: 's0' }));
for (const note of decided.notes) console.log(`note: ${note}`);
