import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinLocalGroup, openLocalGroup, openLocalSeats } from '../../src/index.ts';
import { buildRank, bundled, removeRank } from '../support/processes.ts';
import { failureOf } from '../support/stranger.ts';

beforeAll(buildRank);
afterAll(removeRank);

describe('local groups', () => {
  it('have a rank per device', async () => {
    const groups = await openLocalGroup({ devices: [4, 2] });
    expect(groups.map(({ rank, size, device }) => ({ rank, size, device }))).toEqual([
      { rank: 0, size: 2, device: 4 },
      { rank: 1, size: 2, device: 2 },
    ]);
  });

  it('share a device where that is allowed', async () => {
    const groups = await openLocalGroup({ devices: [0, 0, 1], ranksPerDevice: 2 });
    expect(groups.map(({ device }) => device)).toEqual([0, 0, 1]);
  });

  it.each([
    { devices: [0, 0, 0], ranksPerDevice: 2 },
    { ranks: 0 },
    { ranks: 1.5 },
    { ranks: 5000 },
    { devices: [] },
    { devices: [1, 1] },
    { devices: [-1] },
  ])('cannot have %o', async (options) => {
    expect((await failureOf(openLocalGroup(options))).code).toBe('ARFUSE_USAGE');
  });

  it('give the same errors for records that differ', async () => {
    const groups = await openLocalGroup({ ranks: 3 });
    const errors = await Promise.all(
      groups.map((group) => failureOf(group.agree({ plan: group.rank === 0 ? 'a' : 'b' }))),
    );
    for (const error of errors) expect(error.toJSON()).toEqual(errors[0]!.toJSON());
    expect(errors[0]!.message).toContain('plan is "b" at ranks 1, 2, "a" at rank 0.');
  });
});

/** A rank in a worker thread: exchanges until it is told to fall. */
const RANK = `
  const { parentPort, workerData: { seat, runtime } } = require('node:worker_threads');
  import(runtime).then(async ({ joinLocalGroup }) => {
    const group = await joinLocalGroup(seat);
    const heard = await group.exchange(Uint8Array.of(group.rank, group.device));
    parentPort.postMessage(heard.map((bytes) => [...bytes]));
    parentPort.once('message', async (what) => {
      if (what === 'fall') process.exit();
      await group.close();
      parentPort.close();
    });
  });
`;

describe('ranks in worker threads', () => {
  it('exchange, leave without an alarm, and are missed when they fall', async () => {
    const seats = openLocalSeats({ devices: [5, 6, 7] });
    const workers = seats.slice(1).map(
      (seat) =>
        new Worker(RANK, {
          eval: true,
          workerData: { seat, runtime: bundled('runtime') },
          transferList: [seat.port],
        }),
    );
    const heard = workers.map(
      (worker) => new Promise((resolve) => worker.once('message', resolve)),
    );
    const zero = await joinLocalGroup(seats[0]!);
    const expected = [
      [0, 5],
      [1, 6],
      [2, 7],
    ];
    const mine = await zero.exchange(Uint8Array.of(0, 5));
    expect(mine.map((bytes) => [...bytes])).toEqual(expected);
    expect(await Promise.all(heard)).toEqual([expected, expected]);

    const exited = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    workers[1]!.postMessage('leave');
    await exited[1];
    expect(zero.signal.aborted).toBe(false);
    workers[0]!.postMessage('fall');
    await new Promise((resolve) => zero.signal.addEventListener('abort', resolve));
    expect(zero.signal.reason).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 1 } });
    await exited[0];
    await zero.close();
  });
});
