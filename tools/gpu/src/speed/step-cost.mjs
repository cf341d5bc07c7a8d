import { hostChain } from '../host-chain.mjs';
import { BACKENDS, openRanks } from '../open-ranks.mjs';
import { rankPlan } from '../rank-plan.mjs';
import { timesOf } from './samples.mjs';

const SITES = 64;
const TOKENS = 16;
const HIDDEN = 4096;
const ROUNDS = 101;
const WARMUP = 10;
const CLASS = 'c0';

/** @typedef {import('@arfuse/native').NativeArithmetic} Arithmetic */

/**
 * Ranks with a captured step of one add + norm over and over, whose results are right. They share the first GPU, unless
 * `ordinals` gives each its own.
 *
 * @param {Arithmetic} arithmetic
 * @param {{ collective: string, size: number, hidden: number, tokens: number, sites: number, capability: number, seed: number, ordinals?: readonly number[] }} given
 * @returns {Promise<{ refused: readonly string[] } | (Awaited<ReturnType<typeof openRanks>> & { steps: readonly number[] })>}
 * @throws Error when a result is not the reference's, within the last bit for kernels that sum in another order
 */
export async function openStep(arithmetic, given) {
  const { collective, size, hidden, tokens, sites, capability, seed, ordinals } = given;
  const made = rankPlan({
    chain: 'add + norm',
    dtype: 'bf16',
    hidden,
    size,
    tokens: [tokens],
    collective,
    backends: BACKENDS,
    capability,
  });
  if ('reasons' in made) return { refused: made.reasons };
  const { site, segment } = made;
  const opened = await openRanks(made.plan, ordinals ? { ordinals } : {});
  const { ranks } = opened;
  try {
    const { inputs, expected } = hostChain(arithmetic, site, segment.numerics, {
      ranks: size,
      rows: tokens,
      seed,
    });
    await ranks.fill(CLASS, inputs);
    const ids = await ranks.bindings(CLASS);
    const steps = await ranks.each((executor, rank) => {
      const step = executor.defineStep(
        Array.from({ length: sites }, () => /** @type {number} */ (ids[rank])),
      );
      executor.capture(step, [tokens]);
      return step;
    });
    ranks.enqueueStep(steps, tokens);
    await ranks.sync();
    for (const results of await ranks.read(
      CLASS,
      Array.from({ length: size }, () => expected),
    ))
      for (const name of site.outputs) {
        const worst = furthest(results[name], expected[name]);
        if (worst > 1)
          throw new Error(
            `${collective}, N=${size}: "${name}" is ${worst} codes off. Run \`pnpm gpu:test\`.`,
          );
      }
    return { ...opened, steps };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Largest distance of two results in bf16 codes of one sign.
 *
 * @param {Uint8Array | undefined} found
 * @param {Uint8Array | undefined} wanted
 */
function furthest(found, wanted) {
  if (!found || !wanted || found.length !== wanted.length) return Number.POSITIVE_INFINITY;
  const codes = (/** @type {Uint8Array} */ bytes) => new Uint16Array(bytes.slice().buffer);
  const [a, b] = [codes(found), codes(wanted)];
  return a.reduce((worst, code, i) => Math.max(worst, Math.abs(code - (b[i] ?? 0))), 0);
}

/**
 * Host time in µs of the one call that replays a step of 64 sites as a graph, on each of two ranks.
 *
 * @param {Arithmetic} arithmetic
 * @param {number} capability compute capability times 10
 * @param {number} seed of the inputs
 */
export async function measureStep(arithmetic, capability, seed) {
  const opened = await openStep(arithmetic, {
    collective: '@arfuse/symm-mem/one-shot',
    size: 2,
    hidden: HIDDEN,
    tokens: TOKENS,
    sites: SITES,
    capability,
    seed,
  });
  if ('refused' in opened) throw new Error(opened.refused.join(' '));
  const { ranks, steps, close } = opened;
  try {
    /** @type {number[]} */
    const us = [];
    for (let round = -WARMUP; round < ROUNDS; round += 1) {
      for (const [rank, executor] of ranks.executors.entries()) {
        const step = /** @type {number} */ (steps[rank]);
        const begun = performance.now();
        executor.enqueue(step, TOKENS);
        if (round >= 0) us.push((performance.now() - begun) * 1000);
      }
      await ranks.sync();
    }
    return { sites: SITES, ranks: 2, tokens: TOKENS, hidden: HIDDEN, call: timesOf(us) };
  } finally {
    await close();
  }
}
