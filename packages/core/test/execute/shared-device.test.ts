import { expectedBytes, Random, siteInputBytes, siteInputs } from '@arfuse/reference';
import { LocalRanks } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { override } from '../../src/policy/index.ts';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { FakeClock, failuresOf, openRanks } from './ranks.ts';

const RANKS = 4;
/** An all-reduce with a kernel behind it: what has to run before the next all-reduce can. */
const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 64 }], {
  target: parseTarget(`h200-sxm,world=${RANKS},tokens=8,buckets=8,graph-up-to=8`),
  policy: override('@arfuse/nccl/all-reduce'),
});
const SITE = PLAN.classes[0]!;

describe.each([2, RANKS])('%i ranks that share a device', (ranksPerDevice) => {
  const open = async () => {
    const options = { clock: new FakeClock(), deadlineMs: 2000, ranksPerDevice };
    const { executors } = await openRanks(PLAN, options);
    const runner = new LocalRanks(executors);
    const inputs = siteInputs(SITE, new Random(5), { ranks: RANKS, rows: 8 });
    const expected = expectedBytes(SITE, PLAN.decisions[0]!.segments[0]!, inputs);
    await runner.fill('c0', siteInputBytes(inputs));
    return { executors, runner, expected, ids: await runner.bindings('c0') };
  };

  it('are joined before they meet', async () => {
    const { runner, ids, expected } = await open();
    for (let launch = 0; launch < 6; launch += 1) runner.enqueue(ids, 8);
    await runner.sync();
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
  });

  it('would wait for ever if they were not', async () => {
    const { executors, runner, ids, expected } = await open();
    for (let launch = 0; launch < 2; launch += 1)
      for (const executor of executors) executor.launch(ids[executor.rank]!, 8);
    const errors = await failuresOf(executors.map((executor) => executor.sync()));
    expect(errors[0]).toMatchObject({ code: 'ARFUSE_DEADLINE' });
    // Those that were launched together afterwards are right.
    await runner.launch('c0', 8);
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
  });

  it('replay one graph each, in turn, behind what all have enqueued', async () => {
    const { executors, runner, ids, expected } = await open();
    const steps = executors.map((executor, rank) => {
      const step = executor.defineStep([ids[rank]!]);
      executor.capture(step);
      return step;
    });
    for (let round = 0; round < 2; round += 1) {
      runner.enqueue(ids, 8);
      runner.enqueueStep(steps, 3);
    }
    await runner.sync();
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
  });

  it('run a step without a graph site by site', async () => {
    const { executors, runner, ids, expected } = await open();
    const steps = executors.map((executor, rank) => executor.defineStep([ids[rank]!, ids[rank]!]));
    runner.enqueueStep(steps, 8);
    await runner.sync();
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
  });

  it('enqueue nothing anywhere while one rank has a fault to report', async () => {
    const { executors, runner, ids, expected } = await open();
    const [late, ...others] = executors;
    for (const executor of others) executor.launch(ids[executor.rank]!, 8);
    await failuresOf(others.map((executor) => executor.sync()));
    runner.enqueue(ids, 8);
    await expect(runner.sync()).rejects.toMatchObject({ details: { missing: [late!.rank] } });
    await runner.launch('c0', 8);
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
  });

  it('refuse ids and tokens before any of them has launched', async () => {
    const { runner, ids } = await open();
    expect(() => runner.enqueue(ids, 9)).toThrow('cannot be launched for 9 tokens');
    expect(() => runner.enqueue([...ids.slice(1), 99], 8)).toThrow('there is no binding 99');
    await runner.sync();
    await runner.close();
  });
});
