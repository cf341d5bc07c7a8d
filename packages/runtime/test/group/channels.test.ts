import { afterEach, describe, expect, it } from 'vitest';
import { openLocalGroup } from '../../src/index.ts';
import { closeHere, openAll } from '../support/here.ts';
import { failureOf } from '../support/stranger.ts';

afterEach(closeHere);

describe('channels', () => {
  it('have operations of their own, while the group waits in another', async () => {
    const groups = await openAll(3);
    const channels = groups.map((group) => group.channel());
    const waiting = groups.slice(1).map((group) => group.barrier());
    const heard = await Promise.all(
      channels.map((channel, rank) => channel.exchange(Uint8Array.of(10 + rank))),
    );
    expect(heard[2]!.map(([byte]) => byte)).toEqual([10, 11, 12]);
    await groups[0]!.barrier();
    await Promise.all(waiting);
  });

  it('fail alone, at ranks that have opened them and at those that have not yet', async () => {
    const groups = await openLocalGroup({ ranks: 2 });
    const first = groups[0]!.channel();
    const early = await failureOf(first.barrier({ timeoutMs: 20 }));
    expect(early.message).toContain('rank 0 has arrived, rank 1 has not');
    const late = await failureOf(groups[1]!.channel().barrier());
    expect(late.toJSON()).toEqual(early.toJSON());
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('end with the group', async () => {
    const groups = await openLocalGroup({ ranks: 2 });
    const channels = groups.map((group) => group.channel());
    const pending = failureOf(channels[0]!.barrier());
    await groups[1]!.close();
    expect(await pending).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 1 } });
    expect(await failureOf(groups[0]!.channel().barrier())).toMatchObject({
      code: 'ARFUSE_PEER_LOST',
    });
    expect(await failureOf(channels[1]!.barrier())).toMatchObject({ code: 'ARFUSE_USAGE' });
  });
});

describe('notices', () => {
  it('reach all other ranks, whatever they are doing, in order', async () => {
    const groups = await openAll(3);
    const heard: [number, number, number][] = [];
    const silence = groups.map((group) =>
      group.onNotice(({ rank, data }) => heard.push([group.rank, rank, data[0]!])),
    );
    const waiting = [0, 2].map((rank) => groups[rank]!.barrier());
    groups[1]!.notify(Uint8Array.of(7));
    groups[1]!.notify(Uint8Array.of(8));
    await groups[1]!.barrier();
    await Promise.all(waiting);
    expect(heard.filter(([at]) => at === 0)).toEqual([
      [0, 1, 7],
      [0, 1, 8],
    ]);
    expect(heard.filter(([at]) => at === 2)).toEqual([
      [2, 1, 7],
      [2, 1, 8],
    ]);
    expect(heard.some(([at]) => at === 1)).toBe(false);
    silence[0]!();
    groups[1]!.notify(Uint8Array.of(9));
    await Promise.all(groups.map((group) => group.barrier()));
    expect(heard.map(([at, , byte]) => [at, byte])).not.toContainEqual([0, 9]);
  });

  it('have the limit of messages', async () => {
    const [group] = await openLocalGroup({ ranks: 1, maxMessageBytes: 4 });
    expect(() => group!.notify(new Uint8Array(5))).toThrow('notify() was given 5 bytes');
  });
});
