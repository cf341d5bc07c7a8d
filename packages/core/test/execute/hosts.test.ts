import { openLocalSeats } from '@arfuse/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { buildRank, RankHost, removeRank } from './rank-host.ts';
import type { RankFailure } from './rank-program.ts';

const SIZE = 3;
const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 64 }], {
  target: parseTarget('h200-sxm,world=4,tokens=2,buckets=2,graph-up-to=2'),
});
const FOUR = [0, 1, 2, 3];

const hosts: RankHost[] = [];
beforeAll(buildRank);
afterAll(removeRank);
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.end()));
});

const kept = (host: RankHost): RankHost => {
  hosts.push(host);
  return host;
};

function openWorkers(deadlineMs: number): Promise<RankHost[]> {
  const ranks = openLocalSeats({ ranks: 4 }).map((seat) => kept(RankHost.worker(seat)));
  return opened(ranks, deadlineMs);
}

async function openProcesses(deadlineMs: number): Promise<RankHost[]> {
  const env = (rank: number, port: number) => ({
    RANK: String(rank),
    WORLD_SIZE: '4',
    LOCAL_RANK: String(rank),
    MASTER_ADDR: '127.0.0.1',
    ARFUSE_PORT: String(port),
  });
  const first = kept(RankHost.process(env(0, 0)));
  const open = first.ask({ do: 'open', plan: PLAN, deadlineMs });
  const port = await first.listening;
  const others = [1, 2, 3].map((rank) => kept(RankHost.process(env(rank, port))));
  await Promise.all([
    open,
    ...others.map((host) => host.ask({ do: 'open', plan: PLAN, deadlineMs })),
  ]);
  return [first, ...others];
}

async function opened(ranks: RankHost[], deadlineMs: number): Promise<RankHost[]> {
  await Promise.all(ranks.map((rank) => rank.ask({ do: 'open', plan: PLAN, deadlineMs })));
  return ranks;
}

describe.each<[string, (deadlineMs: number) => Promise<RankHost[]>]>([
  ['worker threads', openWorkers],
  ['processes', openProcesses],
])('one rank in each of several %s', (_, open) => {
  it('gives what the reference gives, and goes on after a rank that did not come', async () => {
    const ranks = await open(2000);
    const run = (seed: number) => Promise.all(ranks.map((rank) => rank.ask({ do: 'run', seed })));
    expect(await run(1)).toEqual([true, true, true, true]);
    const failures = await Promise.all(ranks.slice(1).map((rank) => rank.ask({ do: 'fail' })));
    for (const failure of failures) {
      expect(failure).toEqual(failures[0]);
      expect(failure).toMatchObject({
        code: 'ARFUSE_DEADLINE',
        details: { missing: [0], arrived: [1, 2, 3], sites: ['s0'], tokens: 2 },
      });
    }
    expect(await ranks[0]!.ask({ do: 'fail' })).toEqual(failures[0]);
    expect(await run(2)).toEqual([true, true, true, true]);
    await Promise.all(ranks.map((rank) => rank.ask({ do: 'close' })));
  });
});

describe('a rank that goes during an operation', () => {
  it.each([
    ['is killed', 'SIGKILL', 2],
    ['is killed, the first of all,', 'SIGKILL', 0],
    ['freezes', 'SIGSTOP', 1],
  ] as const)('and %s is reported by every survivor in less than 5 s', async (_, signal, gone) => {
    const ranks = await openProcesses(60_000);
    await Promise.all(ranks.map((rank) => rank.ask({ do: 'run', seed: 3 })));
    const survivors = FOUR.filter((rank) => rank !== gone).map((rank) => ranks[rank]!);
    const waiting = survivors.map((rank) => rank.ask({ do: 'fail' }));
    // They wait in the operation, each for the one that has not launched it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const begun = performance.now();
    ranks[gone]!.signal(signal);
    for (const failure of (await Promise.all(waiting)) as RankFailure[])
      expect(failure).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: gone } });
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(survivors).toHaveLength(SIZE);
  });

  it('is reported by worker threads too', async () => {
    const ranks = await openWorkers(60_000);
    const survivors = ranks.slice(0, SIZE);
    const waiting = survivors.map((rank) => rank.ask({ do: 'fail' }));
    await ranks[3]!.end();
    for (const failure of await Promise.all(waiting))
      expect(failure).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 3 } });
  });
});
