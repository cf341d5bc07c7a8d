import type { Device, DeviceMemory } from '@arfuse/contract';
import {
  expectedBytes,
  Random,
  referenceDevices,
  siteInputBytes,
  siteInputs,
} from '@arfuse/reference';
import { createExecutor, LocalRanks, openLocalGroup } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { FakeClock, failuresOf, openRanks } from './ranks.ts';

const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 64 }], {
  target: parseTarget('h200-sxm,world=2,tokens=8,buckets=4:8,graph-up-to=8'),
});
const SITE = PLAN.classes[0]!;

/** A device that counts what it has given out and not got back. */
class Counted {
  open = 0;
  abandoned = 0;
  readonly device: Device;

  constructor(device: Device, change: Partial<Device> = {}) {
    const counted = <T extends { close(): void }>(thing: T): T => {
      this.open += 1;
      const close = thing.close.bind(thing);
      let closed = false;
      thing.close = () => {
        if (!closed) this.open -= 1;
        closed = true;
        close();
      };
      return thing;
    };
    this.device = {
      ...device,
      allocate: (bytes) => counted(device.allocate(bytes)),
      map: (shared, bytes) => counted(device.map(shared, bytes)),
      pinned: (bytes) => counted(device.pinned(bytes)),
      createEvent: () => counted(device.createEvent()),
      abandon: () => {
        this.abandoned += 1;
      },
      ...change,
    };
  }
}

describe('closing', () => {
  it('waits for what runs, gives back everything, and may be repeated', async () => {
    const counted = referenceDevices(2).map((device) => new Counted(device));
    const groups = await openLocalGroup({ ranks: 2 });
    const executors = await Promise.all(
      groups.map((group) =>
        createExecutor(PLAN, group, { device: counted[group.rank]!.device, deadlineMs: 30_000 }),
      ),
    );
    const runner = new LocalRanks(executors);
    const ids = await runner.bindings('c0');
    const steps = executors.map((executor, rank) => executor.defineStep([ids[rank]!]));
    executors.forEach((executor, rank) => {
      executor.capture(steps[rank]!);
      executor.enqueue(steps[rank]!, 3);
    });
    await Promise.all([runner.close(), runner.close(), executors[0]!.close()]);
    await executors[1]!.close();
    expect(counted.map(({ open }) => open)).toEqual([0, 0]);
    expect(counted.map(({ abandoned }) => abandoned)).toEqual([0, 0]);
    const [executor] = executors;
    for (const use of [
      () => executor!.launch(0, 1),
      () => executor!.enqueue(0, 1),
      () => executor!.defineStep([]),
      () => executor!.capture(0),
      () => executor!.allocate({ dtype: 'bf16', shape: [1] }),
      () => executor!.view({ dtype: 'bf16', shape: [1] }, 0n, 2),
      () => executor!.bind('s0', { partials: [], inputs: {}, outputs: {} }),
    ])
      expect(use).toThrow('the executor of rank 0 is closed');
    const late = [executor!.sync(), executor!.step(0, 1)];
    for (const error of await failuresOf(late))
      expect(error).toMatchObject({ code: 'ARFUSE_USAGE' });
  });

  it('abandons a device whose kernels do not end, and settles', async () => {
    const [zero, one] = referenceDevices(2, {
      intercept: ({ rank }) => (rank === 1 ? 'never' : 'run'),
    });
    const counted = new Counted(one!);
    const groups = await openLocalGroup({ ranks: 2 });
    const options = { clock: new FakeClock(), deadlineMs: 50, recoveryMs: 100 };
    const executors = await Promise.all(
      [zero!, counted.device].map((device, rank) =>
        createExecutor(PLAN, groups[rank]!, { device, ...options }),
      ),
    );
    const runner = new LocalRanks(executors);
    await expect(runner.launch('c0', 1)).rejects.toMatchObject({ code: 'ARFUSE_DEVICE' });
    await runner.close();
    expect(counted.abandoned).toBe(1);
  });

  it('leaves a stream of the program open', async () => {
    const devices = referenceDevices(2);
    const groups = await openLocalGroup({ ranks: 2 });
    const streams = devices.map((device) => device.createStream());
    const executors = await Promise.all(
      groups.map(({ rank }) =>
        createExecutor(PLAN, groups[rank]!, { device: devices[rank]!, stream: streams[rank]! }),
      ),
    );
    const runner = new LocalRanks(executors);
    const inputs = siteInputs(SITE, new Random(1), { ranks: 2, rows: 2 });
    const expected = expectedBytes(SITE, PLAN.decisions[0]!.segments[0]!, inputs);
    await runner.fill('c0', siteInputBytes(inputs));
    const ids = await runner.bindings('c0');
    runner.enqueue(ids, 2);
    // The program waits in its own way.
    await Promise.all(streams.map((stream) => stream.sync()));
    expect(await runner.read('c0', expected)).toEqual(expected);
    await runner.close();
    const memory = devices[0]!.allocate(16);
    const bytes = new Uint8Array(16).fill(9);
    const back = new Uint8Array(16);
    streams[0]!.write({ memory, offset: 0 }, bytes);
    streams[0]!.read({ memory, offset: 0 }, back);
    await streams[0]!.sync();
    expect(back).toEqual(bytes);
  });
});

describe('opening that fails half-way', () => {
  it.each(['the backend', 'mapping', 'loading'])(
    'in %s gives back everything, and the others learn of it at once',
    async (where) => {
      const failed = (): never => {
        throw new Error(`${where} failed`);
      };
      const counted = referenceDevices(2).map(
        (device, rank) =>
          new Counted(device, {
            open: async (_, context) => {
              const { memory } = await context.symmetric(1024);
              if (rank === 1 && where === 'the backend') failed();
              await context.exchange(new Uint8Array(4));
              return {
                libraries: {},
                prepare: failed,
                release: () => {},
                reset: () => {},
                close: () => expect(memory.bytes).toBe(1024),
              };
            },
            ...(rank === 1 && where === 'mapping' ? { map: (): DeviceMemory => failed() } : {}),
            ...(rank === 1 && where === 'loading' ? { load: () => failed() } : {}),
          }),
      );
      const groups = await openLocalGroup({ ranks: 2 });
      const begun = performance.now();
      const errors = await failuresOf(
        groups.map(({ rank }) =>
          createExecutor(PLAN, groups[rank]!, { device: counted[rank]!.device }),
        ),
      );
      expect(errors[1]!.message).toBe(`${where} failed`);
      expect(errors[0]).toMatchObject({
        code: 'ARFUSE_AGREEMENT',
        message: expect.stringContaining('barrier() at rank 1'),
      });
      expect(performance.now() - begun).toBeLessThan(30_000);
      expect(counted.map(({ open }) => open)).toEqual([0, 0]);
    },
  );
});

describe('buffers', () => {
  it('of another width, another alignment, or closed, are refused by name', async () => {
    const { executors, devices } = await openRanks(PLAN);
    const [executor] = executors;
    const buffers = executor!.allocateSite('s0');
    const bind = (change: object) => () => executor!.bind('s0', { ...buffers, ...change });
    const wide = executor!.allocate({ dtype: 'f32', shape: [8, 64] });
    expect(bind({ partials: [wide] })).toThrow('the partial is f32[8, 64]; it needs bf16[8, 64]');
    const memory = devices[0]!.allocate(8 * 64 * 2 + 16);
    const shifted = executor!.view({ dtype: 'bf16', shape: [8, 64] }, memory.address + 8n, 1024);
    expect(bind({ outputs: { ...buffers.outputs, norm: shifted } })).toThrow(
      /output "norm" is at 0x[0-9a-f]+8, which is no multiple of 16/,
    );
    {
      using gone = executor!.allocate({ dtype: 'bf16', shape: [8, 64] });
      expect(gone.bytes).toBe(1024);
      gone.close();
      expect(bind({ partials: [gone] })).toThrow('is used after it was closed');
    }
    expect(() => executor!.allocate({ dtype: 'bf16', shape: [8, 0] })).toThrow('shape [8, 0]');
    const write = executor!.write(buffers.partials[0]!, new Uint8Array(1025));
    const [error] = await failuresOf([write]);
    expect(error!.message).toContain('write of 1025 bytes: the buffer bf16[8, 64] has 1024');
    await Promise.all(executors.map((each) => each.close()));
  });
});
