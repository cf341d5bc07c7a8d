import { native } from '@arfuse/core';
import { Random } from '@arfuse/reference';
import { createSymmMem } from '@arfuse/symm-mem';
import { hostChain } from './host-chain.mjs';
import { openRanks } from './open-ranks.mjs';
import { rankPlan } from './rank-plan.mjs';

/** @typedef {import('@arfuse/contract').Plan} Plan */

const HIDDEN = 1024;
/** Grids of 1 to 16 blocks, and slices that are short. */
const TOKENS = [1, 3, 4, 9, 33, 64];
/** Exchanges that are under way at once, each with buffers of its own. */
const AT_ONCE = 16;
/** Inputs per token count. */
const INPUTS = 3;

/**
 * A plan whose classes are all-reduces alone, one-shot and two-shot in turn: they share one workspace.
 *
 * @param {number} size
 * @param {number} capability
 * @returns {Plan}
 */
function alternating(size, capability) {
  const plans = ['one-shot', 'two-shot'].map((shot) => {
    const made = rankPlan({
      chain: 'all-reduce',
      dtype: 'bf16',
      hidden: HIDDEN,
      size,
      tokens: TOKENS,
      collective: `@arfuse/symm-mem/${shot}`,
      backends: [createSymmMem()],
      capability,
    });
    if ('reasons' in made) throw new Error(made.reasons.join(' '));
    return made.plan;
  });
  const of = (/** @type {number} */ at) => /** @type {Plan} */ (plans[at % plans.length]);
  const numbers = [...Array(AT_ONCE).keys()];
  const joined = {
    ...of(0),
    classes: numbers.map((at) => ({ ...of(at).classes[0], id: `c${at}` })),
    sites: numbers.map((at) => ({ id: `s${at}`, class: `c${at}` })),
    decisions: numbers.map((at) => ({
      ...of(at).decisions[0],
      class: `c${at}`,
      sites: [`s${at}`],
    })),
    hash: `exchanges with delays ${size}`,
  };
  return /** @type {Plan} */ (/** @type {unknown} */ (joined));
}

/**
 * Exchanges of changing kinds and sizes, back to back, with random pauses of each thread between its accesses to flags. Every
 * result of every rank is compared.
 *
 * @param {{ size: number, runs: number, seconds: number, seed: number, capability: number, arithmetic: import('@arfuse/native').NativeArithmetic }} given
 */
export async function runWithDelays({ size, runs, seconds, seed, capability, arithmetic }) {
  const plan = alternating(size, capability);
  const site = /** @type {import('@arfuse/contract').SiteClass} */ (plan.classes[0]);
  const numerics = /** @type {import('@arfuse/contract').NumericsRecord} */ (
    plan.decisions[0]?.segments[0]?.numerics
  );
  const random = new Random(seed);
  const pool = TOKENS.flatMap((rows) =>
    Array.from({ length: INPUTS }, (_, i) => ({
      rows,
      ...hostChain(arithmetic, site, numerics, { ranks: size, rows, seed: seed + 100 * rows + i }),
    })),
  );
  const { ranks, close } = await openRanks(plan, {
    backends: [createSymmMem({ delays: 1 + (seed % (2 ** 31 - 2)) }), native()],
  });
  const begun = performance.now();
  const faults = [];
  let done = 0;
  while (done < runs && faults.length === 0 && performance.now() - begun < seconds * 1000) {
    const batch = await Promise.all(
      plan.classes.map(async ({ id }) => {
        const picked = /** @type {typeof pool[number]} */ (pool[random.word() % pool.length]);
        await ranks.fill(id, picked.inputs);
        return { id, picked, ids: await ranks.bindings(id), order: random.word() };
      }),
    );
    // Not joined: a rank may be as far ahead of the others as the exchanges let it.
    for (const { ids, picked } of batch.toSorted((a, b) => a.order - b.order))
      for (const [index, executor] of ranks.executors.entries())
        executor.launch(/** @type {number} */ (ids[index]), picked.rows);
    await ranks.sync();
    for (const { id, picked } of batch) {
      const expected = Array.from({ length: size }, () => picked.expected);
      const found = await ranks.read(id, expected);
      for (const [rank, results] of found.entries())
        if (
          Buffer.compare(
            /** @type {Uint8Array} */ (results.all_reduce),
            /** @type {Uint8Array} */ (picked.expected.all_reduce),
          ) !== 0
        )
          faults.push(`exchange ${done} of ${picked.rows} tokens (${id}): rank ${rank} differs`);
      done += 1;
    }
  }
  await close();
  return { size, seed, exchanges: done, complete: done >= runs, faults: faults.slice(0, 8) };
}
