import { type ArfuseError, DeadlineError, type Device } from '@arfuse/contract';
import {
  expectedBytes,
  Random,
  referenceDevices,
  siteInputBytes,
  siteInputs,
} from '@arfuse/reference';
import {
  createExecutor,
  type ExecutorOptions,
  joinLocalGroup,
  LocalRanks,
  openLocalGroup,
  openLocalSeats,
} from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { FakeClock, failuresOf, openRanks } from './ranks.ts';

const site = { chain: 'ar_add_rms', hidden: 64 } as const;
const PLAN = planOf([site, site, site], {
  target: parseTarget('h200-sxm,world=4,tokens=8,buckets=8,graph-up-to=8'),
});
const CLASS = PLAN.classes[0]!;
const KERNEL = PLAN.decisions[0]!.segments[0]!.steps.map(({ kernel }) => kernel).join(' + ');

async function checked(runner: LocalRanks, seed: number): Promise<void> {
  const inputs = siteInputs(CLASS, new Random(seed), { ranks: 4, rows: 8 });
  const expected = expectedBytes(CLASS, PLAN.decisions[0]!.segments[0]!, inputs);
  await runner.fill('c0', siteInputBytes(inputs));
  await runner.launch('c0', 8);
  expect(await runner.read('c0', expected)).toEqual(expected);
}

/** What ranks 0 to 2 report of a launch that rank 3, which dies, does not come to. */
async function withoutRank3(devices: readonly Device[], options: Partial<ExecutorOptions>) {
  const seats = openLocalSeats({ ranks: 4 });
  const groups = await Promise.all(seats.map((seat) => joinLocalGroup(seat)));
  const executors = await Promise.all(
    groups.map((group) =>
      createExecutor(PLAN, group, { device: devices[group.rank]!, ...options }),
    ),
  );
  const runner = new LocalRanks(executors);
  const ids = await runner.bindings('c0');
  const survivors = executors.slice(0, 3);
  for (const executor of survivors) executor.launch(ids[executor.rank]!, 8);
  const waiting = failuresOf(survivors.map((executor) => executor.sync()));
  seats[3]!.port.close();
  return { errors: await waiting, runner };
}

describe('the watchdog', () => {
  it('names the site, the kernel, the tokens and who has come, equally at every rank, and the ranks go on', async () => {
    const { executors } = await openRanks(PLAN, { clock: new FakeClock(), deadlineMs: 50 });
    const runner = new LocalRanks(executors);
    const ids = await runner.bindings('c0');
    for (let round = 0; round < 5; round += 1) {
      const late = round % 4;
      const others = executors.filter(({ rank }) => rank !== late);
      for (const executor of others) executor.launch(ids[executor.rank]!, 8);
      const errors = await failuresOf(others.map((executor) => executor.sync()));
      for (const error of errors) {
        expect(error).toBeInstanceOf(DeadlineError);
        expect((error as ArfuseError).toJSON()).toEqual((errors[0] as ArfuseError).toJSON());
        expect((error as ArfuseError).details).toEqual({
          site: 's0',
          kernel: KERNEL,
          tokens: 8,
          timeoutMs: 50,
          arrived: others.map(({ rank }) => rank),
          missing: [late],
        });
      }
      expect(errors[0]!.message).toContain(
        `site s0 (${KERNEL}) at 8 tokens was not complete after 0.05 s`,
      );
      expect(errors[0]!.message).toContain(`rank ${late} has not`);
      // The late rank learns of it with its next wait; what it enqueues until then is void.
      executors[late]!.launch(ids[late]!, 8);
      const [own] = await failuresOf([executors[late]!.sync()]);
      expect((own as ArfuseError).toJSON()).toEqual((errors[0] as ArfuseError).toJSON());
      await checked(runner, round);
    }
    await runner.close();
  });

  it('names the sites of a captured step', async () => {
    const { executors } = await openRanks(PLAN, { clock: new FakeClock(), deadlineMs: 500 });
    const runner = new LocalRanks(executors);
    const bindings = await runner.bindings('c0');
    const steps = executors.map((executor, rank) => {
      const id = bindings[rank]!;
      const step = executor.defineStep(Array.from({ length: 8 }, () => id));
      executor.capture(step);
      return step;
    });
    const others = executors.slice(1);
    const errors = await failuresOf(others.map((each) => each.step(steps[each.rank]!, 5)));
    expect(errors[0]!.message).toContain('a captured step of 8 sites');
    expect(errors[0]).toMatchObject({ details: { missing: [0], arrived: [1, 2, 3], tokens: 8 } });
    await failuresOf([executors[0]!.sync()]);
    await Promise.all(executors.map((each) => each.step(steps[each.rank]!, 5)));
    await checked(runner, 9);
    await runner.close();
  });

  it('reports ranks that launched different token counts: none is missing', async () => {
    const { executors } = await openRanks(PLAN, { clock: new FakeClock(), deadlineMs: 50 });
    const runner = new LocalRanks(executors);
    const ids = await runner.bindings('c0');
    for (const executor of executors) executor.launch(ids[executor.rank]!, 4 + executor.rank);
    const errors = await failuresOf(executors.map((executor) => executor.sync()));
    expect(errors[0]!.message).toMatch(
      /the ranks do not launch the same.*: rank 0 has launched site s0 \(.*\) at 4 tokens, rank 1 has .* at 5 tokens/,
    );
    await checked(runner, 3);
    await runner.close();
  });

  it('says whom the kernels wait for where all ranks have launched', async () => {
    const { executors } = await openRanks(PLAN, {
      clock: new FakeClock(),
      deadlineMs: 50,
      intercept: ({ rank, run, step }) =>
        rank === 2 && run === 0 && step.stages.some(({ kind }) => kind === 'all_reduce')
          ? 'wait'
          : 'run',
    });
    const runner = new LocalRanks(executors);
    runner.enqueue(await runner.bindings('c0'), 8);
    const errors = await failuresOf(executors.map((executor) => executor.sync()));
    expect(errors[0]!.message).toContain(
      'all ranks have launched it; rank 0 waits for rank 2; rank 1 waits for rank 2; rank 3 waits for rank 2.',
    );
    for (const error of errors)
      expect((error as ArfuseError).toJSON()).toEqual((errors[0] as ArfuseError).toJSON());
    await checked(runner, 4);
    await runner.close();
  });

  it('ends at every rank, by one error, when a kernel does not end although it is released', async () => {
    const { executors } = await openRanks(PLAN, {
      clock: new FakeClock(),
      deadlineMs: 50,
      recoveryMs: 200,
      intercept: ({ rank, run }) => (rank === 2 && run === 1 ? 'never' : 'run'),
    });
    const runner = new LocalRanks(executors);
    await checked(runner, 1);
    const ids = await runner.bindings('c0');
    for (const executor of executors) executor.launch(ids[executor.rank]!, 8);
    const errors = await failuresOf(executors.map((executor) => executor.sync()));
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'ARFUSE_DEVICE',
        details: { site: 's0', kernel: KERNEL, tokens: 8, held: [2] },
        cause: { code: 'ARFUSE_DEADLINE' },
      });
      expect((error as ArfuseError).toJSON()).toEqual((errors[0] as ArfuseError).toJSON());
    }
    expect(errors[0]!.message).toMatch(
      /^site s0 .* was not complete after 0\.05 s: all ranks have launched it.*\. Kernels of rank 2 did not end within 0\.2 s after they were released\. End the process/,
    );
    const again = await failuresOf(executors.map((executor) => executor.sync()));
    expect(again).toEqual(errors);
    await runner.close();
  });

  it('says why a kernel cannot be released, and of a rank that died meanwhile', async () => {
    const why = 'library 1.0 does not end such kernels.';
    const devices = referenceDevices(4, {
      intercept: ({ rank, run }) => (rank === 0 && run === 0 ? 'never' : 'run'),
    }).map((device) => ({
      ...device,
      open: async (...given: Parameters<NonNullable<Device['open']>>) =>
        Object.assign(await device.open!(...given), { cannotRelease: why }),
    }));
    const { errors, runner } = await withoutRank3(devices, {
      clock: new FakeClock(),
      deadlineMs: 5_000_000,
      recoveryMs: 200,
    });
    const [held, ...free] = errors;
    expect(held).toMatchObject({
      code: 'ARFUSE_DEVICE',
      details: { rank: 3, held: [0] },
      cause: { code: 'ARFUSE_PEER_LOST' },
    });
    expect(held!.message).toContain(
      `Kernels of rank 0 did not end within 0.2 s after they were released. ${why} End the process`,
    );
    for (const error of free) expect(error).toMatchObject({ code: 'ARFUSE_PEER_LOST' });
    await runner.close();
  });

  it('ends when a rank does not answer', async () => {
    const groups = await openLocalGroup({ ranks: 4 });
    const devices = referenceDevices(4);
    const options = { clock: new FakeClock(), deadlineMs: 20, recoveryMs: 100 };
    const executors = await Promise.all(
      groups.map((group) => {
        // A rank whose event loop is busy hears nothing.
        const deaf = group.rank === 3 ? Object.assign(group, { onNotice: () => () => {} }) : group;
        return createExecutor(PLAN, deaf, { device: devices[group.rank]!, ...options });
      }),
    );
    const runner = new LocalRanks(executors);
    const ids = await runner.bindings('c0');
    const present = executors.slice(0, 3);
    for (const executor of present) executor.launch(ids[executor.rank]!, 8);
    const errors = await failuresOf(present.map((executor) => executor.sync()));
    for (const error of errors)
      expect(error).toMatchObject({ code: 'ARFUSE_DEADLINE', details: { missing: [3] } });
    expect(await failuresOf(present.map((executor) => executor.sync()))).toEqual(errors);
    await runner.close();
  });

  it('ends by name when a rank dies, and frees the kernels that wait for it', async () => {
    const { errors, runner } = await withoutRank3(referenceDevices(4), { deadlineMs: 30_000 });
    for (const error of errors)
      expect(error).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 3 } });
    await runner.close();
  });

  it('is not woken by a program that waits in its own operation of the group', async () => {
    const { executors, groups } = await openRanks(PLAN, {
      clock: new FakeClock(),
      deadlineMs: 50,
    });
    const runner = new LocalRanks(executors);
    const ids = await runner.bindings('c0');
    // Ranks 1 to 3 wait for a command of rank 0, which launches alone.
    const commands = [1, 2, 3].map((rank) => groups[rank]!.exchange(Uint8Array.of(rank)));
    executors[0]!.launch(ids[0]!, 8);
    const [error] = await failuresOf([executors[0]!.sync()]);
    expect(error).toMatchObject({ details: { arrived: [0], missing: [1, 2, 3] } });
    await groups[0]!.exchange(Uint8Array.of(0));
    expect((await commands[0])!.map(([rank]) => rank)).toEqual([0, 1, 2, 3]);
    await failuresOf(executors.slice(1).map((executor) => executor.sync()));
    await checked(runner, 1);
    await runner.close();
  });
});

describe('before the first launch', () => {
  it('ranks compare the plan, the devices and who shares them', async () => {
    const groups = await openLocalGroup({ ranks: 4 });
    const devices = referenceDevices(4, {
      facts: (ordinal) => ({ sku: ordinal === 2 ? 'a100' : 'h200' }),
    });
    const other = { ...PLAN, hash: 'f00d' };
    const errors = await failuresOf(
      groups.map((group) =>
        createExecutor(group.rank === 1 ? other : PLAN, group, {
          device: devices[group.rank]!,
          ranksPerDevice: group.rank === 3 ? 2 : 1,
        }),
      ),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'ARFUSE_AGREEMENT' });
      for (const text of ['plan is', 'sku is "h200"', '"a100" at rank 2', 'ranksPerDevice'])
        expect(error.message).toContain(text);
    }
  });

  it('the others learn at once what one rank refuses by itself', async () => {
    const groups = await openLocalGroup({ ranks: 4, timeoutMs: 60_000 });
    const devices = referenceDevices(4);
    const begun = performance.now();
    const errors = await failuresOf(
      groups.map(({ rank }) =>
        createExecutor(PLAN, groups[rank]!, {
          device: devices[rank]!,
          deadlineMs: rank === 2 ? -1 : 1000,
        }),
      ),
    );
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(errors[2]).toMatchObject({ code: 'ARFUSE_USAGE', details: { deadlineMs: -1 } });
    for (const rank of [0, 1, 3]) {
      expect(errors[rank]).toMatchObject({ code: 'ARFUSE_AGREEMENT' });
      expect(errors[rank]!.message).toContain('deadlineMs is -1.');
      expect(errors[rank]!.message).toContain('at rank 2');
      expect(errors[rank]!.message).not.toContain('plan is');
    }
    // The group is as usable as before.
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('a plan for another number of ranks, or without its backends, is refused', async () => {
    const groups = await openLocalGroup({ ranks: 2 });
    const devices = referenceDevices(2);
    const [error] = await failuresOf([createExecutor(PLAN, groups[0]!, { device: devices[0]! })]);
    expect(error!.message).toContain('the plan is for 4 ranks (group "tp"); this group has 2');
    const all = await openLocalGroup({ ranks: 4 });
    const bare = referenceDevices(4).map(({ open: _, ...device }) => device);
    const missing = await failuresOf(
      all.map((group) => createExecutor(PLAN, group, { device: bare[group.rank]! })),
    );
    expect(missing[0]!.message).toMatch(/launches kernels of "@arfuse\/.*", which is not among/);
  });
});
