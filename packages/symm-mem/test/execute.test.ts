import {
  type BoundStep,
  type ExecutionContext,
  NativeError,
  type StepDemand,
  UnsupportedError,
} from '@arfuse/contract';
import type { NativeExchangeLaunch } from '@arfuse/native';
import { describe, expect, it } from 'vitest';
import { headOf } from '../../../native/test/exchange-head.ts';
import { createSymmMem, type SymmMemSettings } from '../src/index.ts';
import { addon } from './addon.ts';

const demand = (kernel: string, rows: number): StepDemand =>
  ({
    kernel: `@arfuse/symm-mem/${kernel}`,
    hidden: 4096,
    dtype: 'bf16',
    rows: { min: 1, max: rows },
  }) as StepDemand;

/** Rank 1 of 4 on a GPU that is not there: what the backend asks of it, and the head that a copy would bring. */
function rankOf(demands: readonly StepDemand[], { head = headOf({}), idle = true } = {}) {
  const done: string[] = [];
  const launches: NativeExchangeLaunch[] = [];
  const memory = { bytes: 0, address: 0x1000n, close: () => {} };
  const context = {
    device: {
      kind: 'cuda',
      ordinal: 0,
      native: {
        ...addon,
        devices: () => ({ devices: [{ multiprocessors: 132 }] }),
        prepareExchange: (device: number, launch: NativeExchangeLaunch) => {
          launches.push(launch);
          return { maxRows: launch.rows, device };
        },
      },
      pinned: (bytes: number) => ({
        array: new Uint8Array(bytes),
        address: 0n,
        close: () => done.push('free pinned'),
      }),
      createStream: () => ({
        read: (_: unknown, host: Uint8Array) => host.set(head),
        sync: () => Promise.resolve(),
      }),
    },
    stream: {
      fill: (place: { offset: number }, byte: number, count: number) =>
        done.push(`fill ${place.offset} with ${byte}, ${count} bytes`),
      idle: () => idle,
    },
    rank: 1,
    size: 4,
    ranksPerDevice: 2,
    abort: { name: 'abort word' },
    demands,
    exchange: (own: Uint8Array) => {
      const smaller = own.slice();
      new DataView(smaller.buffer).setUint32(0, 84, true);
      return Promise.resolve([own, own, smaller, own]);
    },
    symmetric: (bytes: number) => {
      done.push(`symmetric ${bytes}`);
      return Promise.resolve({ memory, addresses: [1n, 0x1000n, 2n, 3n] });
    },
  };
  const open = (settings: SymmMemSettings = {}) =>
    createSymmMem(settings).open!(context as unknown as ExecutionContext);
  return { context, open, done, launches };
}

describe.skipIf(!addon)('execution', () => {
  it('keeps one workspace for the largest launch of each kind, and zeroes its head', async () => {
    const demands = [demand('one-shot', 64), demand('two-shot', 512), demand('one-shot', 32)];
    const { open, done } = rankOf(demands);
    const { bytes, headBytes } = addon!.exchange.layout({
      size: 4,
      oneShotBytes: 64 * 8192,
      twoShotBytes: 512 * 8192,
    });
    const executor = await open();
    expect(done).toEqual([`symmetric ${bytes}`, `fill 0 with 0, ${headBytes} bytes`]);
    await executor.reset();
    expect(done.at(-1)).toBe(`fill 0 with 0, ${headBytes} bytes`);
  });

  it('prepares launches for the fewest multiprocessors of all ranks', async () => {
    const { open, launches } = rankOf([demand('two-shot', 512)]);
    const executor = await open();
    const step = {
      ...demand('two-shot', 256),
      inputs: ['input'],
      results: {},
      carry: 'carried',
    } as unknown as BoundStep;
    expect(executor.prepare(step).maxRows).toBe(256);
    executor.prepare({ ...step, results: { all_reduce: 'result' } } as unknown as BoundStep);
    expect(launches[0]).toEqual({
      shot: 'two-shot',
      dtype: 'bf16',
      rows: 256,
      hidden: 4096,
      rank: 1,
      size: 4,
      input: 'input',
      output: 'carried',
      workspace: {
        oneShotBytes: 0,
        twoShotBytes: 512 * 8192,
        place: { memory: { bytes: 0, address: 0x1000n, close: expect.any(Function) }, offset: 0 },
        addresses: [1n, 0x1000n, 2n, 3n],
      },
      abort: { name: 'abort word' },
      ranksPerDevice: 2,
      multiprocessors: 84,
    });
    expect(launches[1]!.output).toBe('result');
    const delayed = rankOf([demand('two-shot', 512)]);
    (await delayed.open({ delays: 7 })).prepare(step);
    expect(delayed.launches[0]!.delays).toBe(7);
  });

  it('says who has come to the exchange that runs, from a copy of its head', async () => {
    const waits = headOf({
      epoch: 4n,
      begun: 5n,
      blocks: 2,
      phases: 1,
      flags: { 0: (block, peer) => (peer === 3 || (peer === 2 && block === 1) ? 4n : 5n) },
    });
    const executor = await rankOf([demand('one-shot', 8)], { head: waits }).open();
    expect(await executor.arrived!()).toEqual([0, 1]);
    const [first, second] = await Promise.all([executor.arrived!(), executor.arrived!()]);
    expect(first).toEqual(second);
    const ended = rankOf([demand('one-shot', 8)], { head: headOf({ epoch: 5n, begun: 5n }) });
    expect(await (await ended.open()).arrived!()).toBeUndefined();
  });

  it('frees nothing while a kernel spins', async () => {
    const spinning = rankOf([demand('one-shot', 8)], { idle: false });
    await (await spinning.open()).close();
    expect(spinning.done).not.toContain('free pinned');
    const ended = rankOf([demand('one-shot', 8)]);
    await (await ended.open()).close();
    expect(ended.done).toContain('free pinned');
  });

  it('refuses multicast and devices without kernels before anything is allocated', async () => {
    const multicast = rankOf([demand('one-shot', 8), demand('multimem', 8)]);
    await expect(multicast.open()).rejects.toThrow(UnsupportedError);
    expect(multicast.done).toEqual([]);
    for (const native of [undefined, { exchange: addon!.exchange }]) {
      const bare = rankOf([demand('one-shot', 8)]);
      Object.assign(bare.context.device, { native });
      await expect(bare.open()).rejects.toThrow(NativeError);
      expect(bare.done).toEqual([]);
    }
  });
});
