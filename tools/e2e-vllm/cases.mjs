import { join } from 'node:path';
import { exportVllm, fusionMaxSizeMb, plan, readGraph, vllmRelease } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { repositoryRoot } from '../src/lib/root.mjs';

const GRAPHS = ['llama3-8b', 'qwen3-8b', 'deepseek-v2-lite'];
/** Boxes and the backends that plans may use; without FlashInfer nothing is fused. */
const BOXES = [
  { target: 'h200-sxm,world=2', use: [flashinfer(), symmMem()] },
  { target: 'h200-sxm,world=4', use: [flashinfer(), symmMem()] },
  { target: 'h200-sxm,world=8', use: [flashinfer(), symmMem()] },
  { target: 'h200-sxm,world=8', use: [symmMem()] },
];

const BF16 = 2;
const HIDDEN = [896, 2048, 2880, 3072, 4096, 5120, 6144, 7168, 8192, 16384];

/** Configurations that vLLM 0.32 must not take: an unknown member, and the fields that went with 0.31. */
export const REFUSED = [
  { pass_config: { fuse_allreduce_rms: true, fi_allreduce_fusion_max_tokens: 64 } },
  { pass_config: { fuse_allreduce_rms: true, enable_sp: false } },
  { compile_range_endpoints: [64] },
];

/**
 * Our captures, planned for these boxes and exported.
 *
 * @param {string} engineVersion
 */
export async function cases(engineVersion) {
  const release = vllmRelease(engineVersion);
  const found = [];
  for (const graph of GRAPHS) {
    const path = join(repositoryRoot, `fixtures/graphs/${graph}.tp2.fx.txt.gz`);
    const { programs } = await readGraph(path);
    const [program] = programs;
    if (!program) throw new Error(`${path} holds no program`);
    for (const { target, use } of BOXES) {
      const planned = plan(program.graph, { target, use });
      const { config, text, fusedUpTo } = exportVllm(planned, { engineVersion });
      const { capability, groups, tokens } = planned.target;
      const groupSize = /** @type {number} */ (groups.default?.size);
      const hidden = Math.max(...planned.classes.map((one) => one.hidden));
      const limit = release.oneShotMiB[capability]?.[groupSize];
      found.push({
        name: `${graph}, ${target}, use ${use.map((one) => one.name).join(' and ')}`,
        config,
        flag: text,
        fusedUpTo,
        capability,
        groupSize,
        hidden,
        maxTokens: tokens.max,
        lastOneShot: limit === undefined ? null : Math.floor((limit * 2 ** 20) / (hidden * BF16)),
      });
    }
  }
  return found;
}

/** Limits for every row count up to 512 and some beyond, for the hidden sizes of real models. */
export function limits() {
  const counts = [
    ...Array.from({ length: 512 }, (_, index) => index + 1),
    1023,
    4096,
    8191,
    131_071,
  ];
  return HIDDEN.flatMap((hidden) =>
    counts.map((tokens) => ({
      tokens,
      row: hidden * BF16,
      mb: fusionMaxSizeMb(tokens, hidden, BF16),
    })),
  );
}

/** @param {string} engineVersion */
export function tables(engineVersion) {
  const { fusedMiB, oneShotMiB } = vllmRelease(engineVersion);
  return { fusedMiB, oneShotMiB };
}
