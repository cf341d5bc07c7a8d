import { afterEach, describe, expect, it } from 'vitest';
import { CONTRIBUTION_HEADER } from '../../src/group/messages.ts';
import type { Group } from '../../src/index.ts';
import { HEADER_BYTES, KIND, MAC_BYTES } from '../../src/wire/frame.ts';
import { closeHere, openAll, openFirst, openOther } from '../support/here.ts';
import { type Meddle, Proxy } from '../support/proxy.ts';
import { failureOf, Stranger } from '../support/stranger.ts';

const SECRET = { ARFUSE_RENDEZVOUS_SECRET: 'correct horse' };
const proxies: Proxy[] = [];

afterEach(async () => {
  for (const proxy of proxies.splice(0)) proxy.close();
  await closeHere();
});

/** Two ranks with a proxy between them. */
async function throughProxy(
  more: Readonly<Record<string, string>>,
): Promise<{ proxy: Proxy; groups: Group[] }> {
  const first = await openFirst(2, {}, more);
  const proxy = new Proxy();
  proxies.push(proxy);
  const port = await proxy.listen(first.port);
  const groups = await Promise.all([first.opened, openOther(1, 2, port, {}, more)]);
  return { proxy, groups };
}

const isContribution = (chunk: Buffer): boolean => chunk[6] === KIND.contribution;

describe('a group with a secret', () => {
  it('works like one without', async () => {
    const groups = await openAll(3, {}, SECRET);
    const heard = await Promise.all(groups.map((group) => group.exchange(Buffer.of(group.rank))));
    expect(heard).toEqual(groups.map(() => [0, 1, 2].map((rank) => Uint8Array.of(rank))));
  });

  it.each<[string, Record<string, string>, Record<string, string>, string, string]>([
    ['another secret', SECRET, { ARFUSE_RENDEZVOUS_SECRET: 'wrong' }, 'different', 'different'],
    ['no secret at the member', SECRET, {}, 'only here', 'only there'],
    ['no secret at rank 0', {}, SECRET, 'only there', 'only here'],
  ])('%s is refused on both sides', async (_, zero, one, atZero, atOne) => {
    const first = await openFirst(2, {}, zero);
    const refused = first.nextRefused();
    const wrong = await failureOf(openOther(1, 2, first.port, {}, one));
    const told = await refused;
    for (const error of [wrong, told]) {
      expect(error.code).toBe('ARFUSE_AUTHENTICATION');
      expect(error.message).toContain('Set ARFUSE_RENDEZVOUS_SECRET to the same text');
    }
    expect(wrong.details).toMatchObject({
      secret: atOne,
      peer: `rank 0 at 127.0.0.1:${first.port}`,
    });
    expect(told.details).toMatchObject({
      secret: atZero,
      peer: expect.stringMatching(/^rank 1 at 127\.0\.0\.1:/),
    });
    await Promise.all([first.opened, openOther(1, 2, first.port, {}, zero)]);
  });

  it('a member that cannot prove it is refused', async () => {
    const first = await openFirst(2, {}, SECRET);
    const stranger = await Stranger.connect(first.port);
    stranger.hello({ hasSecret: true });
    await stranger.receive(KIND.challenge);
    stranger.send(KIND.proof, Buffer.alloc(32));
    expect((await stranger.refusal()).code).toBe('ARFUSE_AUTHENTICATION');
    await Promise.all([first.opened, openOther(1, 2, first.port, {}, SECRET)]);
  });

  it('a proof does not hold for another connection', async () => {
    const first = await openFirst(3, {}, SECRET);
    const proxy = new Proxy();
    proxies.push(proxy);
    void openOther(1, 3, await proxy.listen(first.port), {}, SECRET);
    const third = openOther(2, 3, first.port, {}, SECRET);
    // Whatever rank 1 has said, said again.
    while (proxy.seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const replay = await Stranger.connect(first.port);
    const refused = first.nextRefused();
    replay.socket.write(Buffer.concat(proxy.seen.slice(0, 2)));
    expect((await replay.refusal()).code).toBe('ARFUSE_AUTHENTICATION');
    expect((await refused).code).toBe('ARFUSE_AUTHENTICATION');
    await Promise.all([first.opened, third]);
  });

  it.each<[string, Meddle, string]>([
    [
      'changed bytes',
      (chunk, forward) => {
        const changed = Buffer.from(chunk);
        if (isContribution(chunk)) changed[HEADER_BYTES + CONTRIBUTION_HEADER]! ^= 1;
        forward(changed);
      },
      'contribution with a wrong HMAC',
    ],
    [
      'a message twice',
      (chunk, forward) => forward(isContribution(chunk) ? Buffer.concat([chunk, chunk]) : chunk),
      'sent message number',
    ],
    [
      'a message whose HMAC is cut off',
      (chunk, forward) => {
        const bare = Buffer.from(chunk.subarray(0, chunk.length - MAC_BYTES));
        bare[7] = 0;
        forward(isContribution(chunk) ? bare : chunk);
      },
      'contribution without an HMAC',
    ],
  ])('%s on the way are found', async (_, meddle, text) => {
    const { proxy, groups } = await throughProxy(SECRET);
    proxy.meddle = meddle;
    const [zero, one] = await Promise.all(
      groups.map(async (group) => {
        // A message twice completes the operation first.
        await group.exchange(Uint8Array.of(1)).catch(() => {});
        return failureOf(group.barrier());
      }),
    );
    expect(zero).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 1 } });
    expect(zero!.message).toContain(text);
    expect(one!.message).toContain(text);
  });

  it('changed bytes are not found without a secret', async () => {
    const { proxy, groups } = await throughProxy({});
    proxy.meddle = (chunk, forward) => {
      const changed = Buffer.from(chunk);
      if (isContribution(chunk)) changed[HEADER_BYTES + CONTRIBUTION_HEADER]! ^= 1;
      forward(changed);
    };
    const [heard] = await Promise.all(groups.map((group) => group.exchange(Uint8Array.of(6))));
    expect(heard).toEqual([Uint8Array.of(6), Uint8Array.of(7)]);
  });
});
