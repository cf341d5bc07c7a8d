import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KIND } from '../../src/wire/frame.ts';
import {
  buildRank,
  endRanks,
  environment,
  freePort,
  openRanks,
  RankProcess,
  removeRank,
} from '../support/processes.ts';
import { Stranger } from '../support/stranger.ts';

beforeAll(buildRank);
afterEach(endRanks);
afterAll(removeRank);

/** Waits until rank 0 says that exactly these ranks have come. */
async function untilArrived(stranger: Stranger, count: number): Promise<void> {
  while ((await stranger.receive(KIND.roster)).length < 4 * count);
}

describe('ranks in processes', () => {
  it.each([2, 4, 8])('%i ranks exchange, wait, agree and leave', async (size) => {
    const ranks = await openRanks(size);
    const messages = ranks.map((_, rank) => [rank, 255 - rank, 7]);
    const all = <T>(perform: (rank: RankProcess, index: number) => Promise<T>): Promise<T[]> =>
      Promise.all(ranks.map(perform));
    for (let round = 0; round < 3; round += 1) {
      expect(
        await all((rank, index) => rank.ask({ do: 'exchange', bytes: messages[index]! })),
      ).toEqual(messages.map(() => messages));
    }
    await all((rank) => rank.ask({ do: 'barrier' }));
    await all((rank) => rank.ask({ do: 'agree', record: { plan: '9f2c', device: 'h200-sxm' } }));
    await all((rank) => rank.ask({ do: 'close' }));
  });

  it('a rank may come long before rank 0 listens', async () => {
    const port = await freePort();
    const second = new RankProcess(environment(1, 2, port));
    const opened = second.ask({ do: 'open' });
    // It runs, and has tried, when another process has had time to start.
    const first = new RankProcess(environment(0, 2, port));
    await first.ask({ do: 'open' });
    expect(await opened).toEqual({ rank: 1, size: 2, device: 1 });
  });

  it('one rank that differs is the same error at every rank, with fields and values', async () => {
    const ranks = await openRanks(4);
    const record = { plan: '9f2c', nccl: '2.28.9', device: 'h200-sxm' };
    const told = await Promise.all(
      ranks.map((rank, index) =>
        rank.failure({
          do: 'agree',
          record: index === 2 ? { plan: '77aa', nccl: '2.28.9' } : record,
        }),
      ),
    );
    expect(told[0]).toMatchObject({
      code: 'ARFUSE_AGREEMENT',
      message: expect.stringContaining(
        'device is "h200-sxm" at ranks 0, 1, 3, absent at rank 2; ' +
          'plan is "9f2c" at ranks 0, 1, 3, "77aa" at rank 2.',
      ),
      details: {
        fields: [
          {
            field: 'device',
            values: [
              { value: 'h200-sxm', ranks: [0, 1, 3] },
              { value: null, ranks: [2] },
            ],
          },
          {
            field: 'plan',
            values: [
              { value: '9f2c', ranks: [0, 1, 3] },
              { value: '77aa', ranks: [2] },
            ],
          },
        ],
      },
    });
    for (const other of told) expect(other).toEqual(told[0]);
    await Promise.all(ranks.map((rank) => rank.ask({ do: 'agree', record })));
  });
});

describe('dead ranks', () => {
  it.each([0, 2])('every survivor learns that rank %i was killed', async (dead) => {
    const ranks = await openRanks(4);
    const survivors = ranks.filter((_, rank) => rank !== dead);
    const pending = survivors.map((rank) => rank.failure({ do: 'exchange', bytes: [1] }));
    const aborted = survivors.map((rank) => rank.failure({ do: 'aborted' }));
    const start = performance.now();
    ranks[dead]!.signal('SIGKILL');
    for (const told of await Promise.all([...pending, ...aborted])) {
      expect(told).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: dead } });
    }
    expect(performance.now() - start).toBeLessThan(5000);
    for (const rank of survivors) {
      const later = await rank.failure({ do: 'barrier' });
      expect(later).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: dead } });
      await rank.ask({ do: 'close' });
    }
  });

  it('every survivor learns of ranks that freeze, by their heartbeat', async () => {
    const [member, coordinator] = await Promise.all([openRanks(3), openRanks(3)]);
    const cases = [
      { ranks: member, frozen: 2 },
      { ranks: coordinator, frozen: 0 },
    ];
    const start = performance.now();
    await Promise.all(
      cases.map(async ({ ranks, frozen }) => {
        const survivors = ranks.filter((_, rank) => rank !== frozen);
        const aborted = survivors.map((rank) => rank.failure({ do: 'aborted' }));
        ranks[frozen]!.signal('SIGSTOP');
        for (const told of await Promise.all(aborted)) {
          expect(told).toMatchObject({
            code: 'ARFUSE_PEER_LOST',
            message: expect.stringContaining('silent for 4 s'),
            details: { rank: frozen },
          });
        }
      }),
    );
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('a rank that is busy for less is not dead', async () => {
    const ranks = await openRanks(2, { deadAfterMs: 3000 });
    await ranks[1]!.ask({ do: 'block', ms: 1500 });
    await Promise.all(ranks.map((rank) => rank.ask({ do: 'barrier' })));
  });

  it.each([0, 1])('rank %i that is killed before all have come is named', async (dead) => {
    const first = new RankProcess(environment(0, 4, 0));
    const opening = first.failure({ do: 'open' });
    const port = await first.listening;
    const second = new RankProcess(environment(1, 4, port));
    const joining = second.failure({ do: 'open' });
    const third = await Stranger.connect(port);
    await third.join({ rank: 2, size: 4 });
    await untilArrived(third, 3);
    (dead === 0 ? first : second).signal('SIGKILL');
    const lost = { code: 'ARFUSE_PEER_LOST', details: { rank: dead } };
    expect(await (dead === 0 ? joining : opening)).toMatchObject(lost);
    if (dead === 1) expect(await third.refusal()).toMatchObject(lost);
  });
});
