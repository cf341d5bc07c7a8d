import { DeadlineError, type Device, type ExecutionContext } from '@arfuse/contract';
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
import { FakeClock, failuresOf } from './ranks.ts';

const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 64 }], {
  target: parseTarget('h200-sxm,world=2,tokens=8,buckets=4:8,graph-up-to=8'),
});
const CLASS = PLAN.classes[0]!;
const COLLECTIVE = PLAN.decisions[0]!.segments[0]!.steps[0]!.kernel.split('/')
  .slice(0, 2)
  .join('/');

/** A device that keeps in order what is captured, closed and reset, and whose collectives say whether they are captured anew. */
function watched(device: Device, recaptures: boolean): { device: Device; log: string[] } {
  const log: string[] = [];
  let graphs = 0;
  const watching: Device = {
    ...device,
    open: async (backend: string, context: ExecutionContext) => {
      const kernels = await device.open!(backend, context);
      return {
        libraries: kernels.libraries,
        prepare: (step) => kernels.prepare(step),
        release: () => kernels.release(),
        reset: () => {
          if (backend === COLLECTIVE) log.push('reset');
          return kernels.reset();
        },
        close: () => kernels.close(),
        ...(recaptures && backend === COLLECTIVE ? { recaptures } : {}),
      };
    },
    createStream() {
      const stream = device.createStream();
      const { endCapture } = stream;
      return Object.assign(stream, {
        endCapture: () => {
          const graph = endCapture.call(stream);
          const name = `graph ${graphs}`;
          graphs += 1;
          log.push(`captured ${name}`);
          const { close } = graph;
          return Object.assign(graph, {
            close: () => {
              log.push(`closed ${name}`);
              close.call(graph);
            },
          });
        },
      });
    },
  };
  return { device: watching, log };
}

async function recovered(recaptures: boolean): Promise<readonly (readonly string[])[]> {
  const groups = await openLocalGroup({ ranks: 2 });
  const devices = referenceDevices(2).map((device) => watched(device, recaptures));
  const executors = await Promise.all(
    groups.map((group) =>
      createExecutor(PLAN, group, {
        device: devices[group.rank]!.device,
        clock: new FakeClock(),
        deadlineMs: 50,
      }),
    ),
  );
  const runner = new LocalRanks(executors);
  const ids = await runner.bindings('c0');
  const steps = await runner.each((executor, rank) => {
    const step = executor.defineStep([ids[rank]!, ids[rank]!]);
    executor.capture(step);
    return step;
  });
  const [present] = executors;
  const errors = await failuresOf([present!.step(steps[0]!, 8)]);
  expect(errors[0]).toBeInstanceOf(DeadlineError);
  await failuresOf([executors[1]!.sync()]);
  const logs = devices.map(({ log }) => [...log]);
  // Graphs of both buckets work, whichever they are.
  for (const tokens of [8, 3]) {
    const inputs = siteInputs(CLASS, new Random(tokens), { ranks: 2, rows: tokens > 4 ? 8 : 4 });
    const expected = expectedBytes(CLASS, PLAN.decisions[0]!.segments[0]!, inputs);
    await runner.fill('c0', siteInputBytes(inputs));
    await runner.each((executor, rank) => executor.step(steps[rank]!, tokens));
    expect(await runner.read('c0', expected)).toEqual(expected);
  }
  await runner.close();
  return logs;
}

describe('captured launches and a recovery', () => {
  it('closes graphs before a reset that makes them void, and captures them again', async () => {
    for (const log of await recovered(true))
      expect(log).toEqual([
        'captured graph 0',
        'captured graph 1',
        'closed graph 0',
        'closed graph 1',
        'reset',
        'captured graph 2',
        'captured graph 3',
      ]);
  });

  it('keeps graphs of kernels that work on after a reset', async () => {
    for (const log of await recovered(false))
      expect(log).toEqual(['captured graph 0', 'captured graph 1', 'reset']);
  });
});
