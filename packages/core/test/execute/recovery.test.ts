import type { ArfuseError, LaunchMode } from '@arfuse/contract';
import { expectedBytes, Random, siteInputBytes, siteInputs } from '@arfuse/reference';
import { type ExecutorOptions, LocalRanks } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { FakeClock, failuresOf, openRanks, servedBy } from './ranks.ts';

const RANKS = 4;
const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 64 }], {
  target: parseTarget(`h200-sxm,world=${RANKS},tokens=2,buckets=2,graph-up-to=2`),
});
const SITE = PLAN.classes[0]!;
const SITES = 8;

async function open(options: Partial<ExecutorOptions>) {
  const { executors } = await openRanks(PLAN, options);
  const runner = new LocalRanks(executors);
  const ids = await runner.bindings('c0');
  const steps = executors.map((executor, rank) => {
    const step = executor.defineStep(Array.from({ length: SITES }, () => ids[rank]!));
    executor.capture(step);
    return step;
  });
  const right = async (seed: number) => {
    const inputs = siteInputs(SITE, new Random(seed), { ranks: RANKS, rows: 2 });
    const leaves = (mode: LaunchMode, tokens: number) =>
      expectedBytes(SITE, servedBy(PLAN, mode, tokens), inputs);
    const eager = leaves('eager', 2);
    await runner.fill('c0', siteInputBytes(inputs));
    await runner.launch('c0', 2);
    expect(await runner.read('c0', eager)).toEqual(eager);
    await runner.poison('c0');
    await Promise.all(executors.map((executor, rank) => executor.step(steps[rank]!, 2)));
    const replayed = leaves('graph', 2);
    expect(await runner.read('c0', replayed)).toEqual(replayed);
  };
  return { executors, runner, ids, steps, right };
}

describe('a rank that never launches', () => {
  it('alone and inside a captured step of 8, 50 times in a row, and what follows is right', async () => {
    const { executors, runner, ids, steps, right } = await open({
      clock: new FakeClock(),
      deadlineMs: 100,
    });
    for (let round = 0; round < 50; round += 1) {
      const late = round % RANKS;
      const others = executors.filter(({ rank }) => rank !== late);
      const alone = round % 2 === 0;
      const errors = await failuresOf(
        others.map((executor) => {
          if (!alone) return executor.step(steps[executor.rank]!, 2);
          executor.launch(ids[executor.rank]!, 2);
          return executor.sync();
        }),
      );
      errors.push(...(await failuresOf([executors[late]!.sync()])));
      for (const error of errors) {
        expect((error as ArfuseError).toJSON()).toEqual((errors[0] as ArfuseError).toJSON());
        expect(error).toMatchObject({
          code: 'ARFUSE_DEADLINE',
          details: {
            ...(alone ? { site: 's0' } : { sites: Array.from({ length: SITES }, () => 's0') }),
            tokens: 2,
            missing: [late],
          },
        });
      }
      if (round % 10 === 9) await right(round);
    }
    await runner.close();
  });

  it('behind launches of its own, which are complete, is named exactly', async () => {
    const { executors, runner, ids, right } = await open({
      clock: new FakeClock(),
      deadlineMs: 500,
    });
    for (let launch = 0; launch < 40; launch += 1)
      for (const executor of executors)
        if (executor.rank !== 1 || launch < 21)
          executor.launch(ids[executor.rank]!, 1 + (launch % 2));
    const others = executors.filter(({ rank }) => rank !== 1);
    const errors = await failuresOf(others.map((executor) => executor.sync()));
    await failuresOf([executors[1]!.sync()]);
    // The 22nd launch, of 2 tokens, is the first that rank 1 left out.
    expect(errors[0]).toMatchObject({ details: { tokens: 2, missing: [1], arrived: [0, 2, 3] } });
    await right(1);
    await runner.close();
  });

  it('is found by the real clock too', async () => {
    const { executors, runner, ids, right } = await open({ deadlineMs: 1500 });
    const others = executors.slice(1);
    for (const executor of others) executor.launch(ids[executor.rank]!, 2);
    const begun = performance.now();
    const errors = await failuresOf(others.map((executor) => executor.sync()));
    expect(performance.now() - begun).toBeGreaterThan(1499);
    expect(errors[2]).toMatchObject({ details: { missing: [0] } });
    await failuresOf([executors[0]!.sync()]);
    await right(2);
    await runner.close();
  });
});

describe('launches beyond what a stream holds', () => {
  it('are refused where they are made, instead of blocking the thread', async () => {
    const { executors, runner, ids, right } = await open({
      clock: new FakeClock(),
      deadlineMs: 100,
    });
    const [alone] = executors;
    for (let launch = 0; launch < 512; launch += 1) alone!.launch(ids[0]!, 1);
    expect(() => alone!.launch(ids[0]!, 1)).toThrow('512 launches wait on the stream already');
    await failuresOf([alone!.sync()]);
    await failuresOf(executors.slice(1).map((executor) => executor.sync()));
    await right(3);
    await runner.close();
  });
});
