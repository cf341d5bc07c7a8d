import { hostChain } from './host-chain.mjs';
import { BACKENDS, openRanks } from './open-ranks.mjs';
import { CHAINS, rankPlan } from './rank-plan.mjs';

const DEADLINE_MS = 200;

/**
 * A rank that never launches, alone and inside a captured step of 8: the others get the typed error within the deadline, the
 * group recovers, and what follows is right.
 *
 * @param {{ collective: string, size: number, rounds: number, after: number, capability: number, arithmetic: import('@arfuse/native').NativeArithmetic }} given
 */
export async function runRecovery({ collective, size, rounds, after, capability, arithmetic }) {
  const chain = /** @type {typeof CHAINS[number]} */ (CHAINS[2]);
  const tokens = [16];
  const made = rankPlan({
    chain,
    dtype: 'bf16',
    hidden: 4096,
    size,
    tokens,
    collective,
    backends: BACKENDS,
    capability,
  });
  if ('reasons' in made) return { collective, size, refused: made.reasons };
  const { plan } = made;
  const site = /** @type {import('@arfuse/contract').SiteClass} */ (plan.classes[0]);
  const segment = /** @type {import('@arfuse/contract').PlanSegment} */ (
    plan.decisions[0]?.segments[0]
  );
  const { inputs, expected: one } = hostChain(
    arithmetic,
    site,
    segment.numerics,
    {},
    { ranks: size, rows: 16, seed: 7 },
  );
  const expected = Array.from({ length: size }, () => one);
  const { ranks, close } = await openRanks(plan, { deadlineMs: DEADLINE_MS });
  await ranks.fill('c0', inputs);
  const ids = await ranks.bindings('c0');
  const steps = await ranks.each((executor, rank) => {
    const step = executor.defineStep(
      Array.from({ length: 8 }, () => /** @type {number} */ (ids[rank])),
    );
    executor.capture(step, [16]);
    return step;
  });
  const ms = [];
  const faults = [];
  for (let round = 0; round < rounds && faults.length === 0; round += 1) {
    const late = round % size;
    const others = ranks.executors.filter(({ rank }) => rank !== late);
    const begun = performance.now();
    const results = await Promise.allSettled(
      others.map((executor) => {
        if (round % 2 === 1) return executor.step(/** @type {number} */ (steps[executor.rank]), 16);
        executor.launch(/** @type {number} */ (ids[executor.rank]), 16);
        return executor.sync();
      }),
    );
    ms.push(performance.now() - begun - DEADLINE_MS);
    for (const result of results) {
      const error = result.status === 'rejected' ? result.reason : undefined;
      if (error?.code !== 'ARFUSE_DEADLINE' || error.details.missing?.[0] !== late)
        faults.push(`round ${round}: ${error ? error.message : 'no error'}`);
    }
    await ranks.executors[late]?.sync().catch(() => {});
    for (let run = 0; run < after && faults.length === 0; run += 1) {
      const last = run === after - 1;
      if (last || run === 0) await ranks.poison('c0');
      for (const executor of ranks.executors)
        executor.launch(/** @type {number} */ (ids[executor.rank]), 16);
      if (run % 64 !== 0 && !last) continue;
      await ranks.each((executor) => executor.sync());
      const found = await ranks.read('c0', expected);
      for (const [rank, results2] of found.entries())
        for (const name of site.outputs)
          if (
            Buffer.compare(
              /** @type {Uint8Array} */ (results2[name]),
              /** @type {Uint8Array} */ (expected[rank]?.[name]),
            ) !== 0
          )
            faults.push(
              `round ${round}, operation ${run} after it: "${name}" differs at rank ${rank}`,
            );
    }
  }
  await close();
  const sorted = ms.toSorted((a, b) => a - b);
  return {
    collective,
    size,
    rounds: ms.length,
    after,
    faults,
    msAfterDeadline: { median: sorted[sorted.length >> 1], max: sorted.at(-1) },
  };
}
