import { afterEach, describe, expect, it } from 'vitest';
import { contributionLimit, encodeContribution, OPERATION } from '../../src/group/messages.ts';
import { type Group, openGroup, openLocalGroup } from '../../src/index.ts';
import { KIND } from '../../src/wire/frame.ts';
import { closeHere, openAll, openFirst, openOther } from '../support/here.ts';
import { failureOf, Stranger } from '../support/stranger.ts';

afterEach(closeHere);

const MEBIBYTE = 1024 * 1024;
/** Most bytes that the coordinator takes in one message. */
const LIMIT = contributionLimit(MEBIBYTE);
const LEFT = { code: 'ARFUSE_PEER_LOST', details: { rank: 1, reason: 'left' } };

/** Both kinds of groups keep the same promises. */
const kinds: [string, (size: number) => Promise<readonly Group[]>][] = [
  ['over sockets', (size) => openAll(size)],
  ['within one process', (size) => openLocalGroup({ ranks: size })],
];

describe.each(kinds)('operations %s', (_, open) => {
  it('are done in order when they are started together', async () => {
    const groups = await open(3);
    const heard = await Promise.all(
      groups.flatMap((group) => [
        group.exchange(Uint8Array.of(group.rank)),
        group.barrier(),
        group.exchange(Uint8Array.of(10 + group.rank, 0)),
      ]),
    );
    for (const at of [0, 3, 6]) {
      expect(heard[at]).toEqual([0, 1, 2].map((rank) => Uint8Array.of(rank)));
      expect(heard[at + 2]).toEqual([10, 11, 12].map((byte) => Uint8Array.of(byte, 0)));
    }
  });

  it('take the bytes as they are when they are called, and give copies', async () => {
    const groups = await open(2);
    const mine = Uint8Array.of(1);
    const heard = groups.map((group) => group.exchange(group.rank === 0 ? mine : Uint8Array.of(2)));
    mine[0] = 99;
    const [zero, one] = await Promise.all(heard);
    zero![1]![0] = 77;
    expect(one).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  it('carry the largest message, and nothing', async () => {
    const groups = await open(2);
    const bytes = Buffer.alloc(MEBIBYTE, 'arfuse');
    const [, one] = await Promise.all(groups.map((group) => group.exchange(bytes)));
    expect(bytes.equals(one![0]!)).toBe(true);
    const nothing = await Promise.all(groups.map((group) => group.exchange(new Uint8Array())));
    expect(nothing[0]).toEqual([new Uint8Array(), new Uint8Array()]);
  });

  it('refuse more than that where it is given', async () => {
    const groups = await open(2);
    const error = await failureOf(groups[0]!.exchange(new Uint8Array(MEBIBYTE + 1)));
    expect(error).toMatchObject({ code: 'ARFUSE_LIMIT', details: { bytes: MEBIBYTE + 1 } });
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('with different sizes fail alike, and the group goes on', async () => {
    const groups = await open(3);
    const errors = await Promise.all(
      groups.map((group) => failureOf(group.exchange(new Uint8Array(group.rank === 1 ? 3 : 4)))),
    );
    for (const error of errors) {
      expect(error.toJSON()).toEqual(errors[0]!.toJSON());
      expect(error.code).toBe('ARFUSE_AGREEMENT');
      expect(error.message).toContain('4 bytes at ranks 0, 2, 3 bytes at rank 1');
    }
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('that are not the same fail alike', async () => {
    const groups = await open(2);
    const errors = await Promise.all([
      failureOf(groups[0]!.barrier()),
      failureOf(groups[1]!.agree({})),
    ]);
    for (const error of errors) {
      expect(error.code).toBe('ARFUSE_AGREEMENT');
      expect(error.message).toContain('barrier() at rank 0, agree() at rank 1');
    }
  });

  it('say who has not come in time, also to the one who was late', async () => {
    const groups = await open(3);
    const [zero, one, two] = groups;
    const early = [zero!, two!].map((group) => failureOf(group.barrier({ timeoutMs: 150 })));
    const told = await Promise.all(early);
    told.push(await failureOf(one!.barrier()));
    for (const error of told) {
      expect(error.toJSON()).toMatchObject({
        code: 'ARFUSE_DEADLINE',
        message: expect.stringContaining(
          'barrier() was not complete after 0.15 s: ranks 0, 2 have arrived, rank 1 has not.',
        ),
        details: { what: 'barrier', arrived: [0, 2], missing: [1], timeoutMs: 150 },
      });
    }
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('wait no longer than the shortest rank', async () => {
    const groups = await open(3);
    const long = failureOf(groups[0]!.barrier({ timeoutMs: 60_000 }));
    const short = failureOf(groups[1]!.barrier({ timeoutMs: 100 }));
    expect((await long).details).toMatchObject({ timeoutMs: 100, missing: [2] });
    await short;
  });

  it('fail when a rank has left, which is no alarm', async () => {
    const [zero, one, two] = await open(3);
    const pending = failureOf(zero!.barrier());
    await one!.close();
    expect(await pending).toMatchObject(LEFT);
    expect(await failureOf(two!.barrier())).toMatchObject(LEFT);
    expect(zero!.signal.aborted || two!.signal.aborted).toBe(false);
    expect((await failureOf(one!.barrier())).code).toBe('ARFUSE_USAGE');
    await one!.close();
  });

  it('fail when rank 0 has left', async () => {
    const [zero, one, two] = await open(3);
    const pending = failureOf(one!.barrier());
    await zero!.close();
    expect(await pending).toMatchObject({ details: { rank: 0, reason: 'left' } });
    expect((await failureOf(two!.barrier())).details).toMatchObject({ rank: 0, reason: 'left' });
    expect(one!.signal.aborted || two!.signal.aborted).toBe(false);
  });

  it('refuse wrong arguments before anything is sent', async () => {
    const groups = await open(2);
    const [zero] = groups;
    const wrong = [
      zero!.exchange('text' as never),
      zero!.barrier({ timeoutMs: 0 }),
      zero!.barrier({ timeoutMs: Number.NaN }),
      zero!.agree({ plan: 5 as never }),
    ];
    for (const failure of wrong) expect((await failureOf(failure)).code).toBe('ARFUSE_USAGE');
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('agree whatever the order of fields', async () => {
    const [zero, one] = await open(2);
    await Promise.all([zero!.agree({ a: '1', b: '2' }), one!.agree({ b: '2', a: '1' })]);
  });
});

describe('a group of one', () => {
  it('needs no connection', async () => {
    const env = { RANK: '0', WORLD_SIZE: '1', LOCAL_RANK: '0' };
    const group = await openGroup({ env });
    expect(await group.exchange(Uint8Array.of(5))).toEqual([Uint8Array.of(5)]);
    await group.barrier();
    await group.agree({ plan: 'x' });
    await group[Symbol.asyncDispose]();
  });
});

describe('options', () => {
  it.each([
    [{ timeoutMs: -1 }, 'timeoutMs is -1'],
    [{ maxMessageBytes: 0 }, 'maxMessageBytes is 0'],
    [{ maxMessageBytes: 2 ** 40 }, 'maxMessageBytes is 1099511627776'],
    [{ rendezvousTimeoutMs: 1.5 }, 'rendezvousTimeoutMs is 1.5'],
    [{ deadAfterMs: 10 }, 'deadAfterMs is 10'],
  ])('%o is refused', async (options, text) => {
    const error = await failureOf(openFirst(2, options));
    expect(error.code).toBe('ARFUSE_USAGE');
    expect(error.message).toContain(text);
  });
});

describe('ranks that misbehave after the rendezvous', () => {
  /** A stranger sends no heartbeats, and is not to be lost by its silence on a busy machine. */
  const deadAfterMs = 60_000;
  /** Ranks 0 and 2 in this process, and a stranger as rank 1. */
  async function withStranger(): Promise<[Group, Stranger, Group]> {
    const first = await openFirst(3, { deadAfterMs });
    const stranger = await Stranger.connect(first.port);
    await stranger.join({ size: 3, deadAfterMs });
    const [zero, two] = await Promise.all([
      first.opened,
      openOther(2, 3, first.port, { deadAfterMs }),
    ]);
    return [zero, stranger, two];
  }
  const contribution = (operation: number, bytes: Uint8Array): Buffer =>
    encodeContribution({
      channel: 0,
      operation,
      kind: OPERATION.exchange,
      timeoutMs: 60_000,
      data: bytes,
    });

  it.each<[string, (stranger: Stranger) => unknown, string]>([
    [
      'an oversized message',
      (stranger) => stranger.send(KIND.contribution, Buffer.alloc(0), { length: LIMIT + 1 }),
      `a message of ${LIMIT + 1} bytes; expected was at most ${LIMIT} bytes`,
    ],
    ['garbage', (stranger) => stranger.socket.write('garbage!'), 'begin with 0x6761726261676521'],
    ['an unexpected message', (stranger) => stranger.send(KIND.hello), 'a message "hello"'],
    ['a short message', (stranger) => stranger.send(KIND.contribution), 'contribution of 0 bytes'],
    [
      'an operation of the future',
      (stranger) => stranger.send(KIND.contribution, contribution(7, Buffer.of(1))),
      'came to operation 7 of channel 0; expected was operation 0',
    ],
  ])('%s is refused there, and the others learn which rank is lost', async (_, act, text) => {
    const [zero, stranger, two] = await withStranger();
    const failures = [zero, two].map((group) => failureOf(group.barrier()));
    act(stranger);
    expect(await stranger.refusal()).toMatchObject({
      code: 'ARFUSE_PROTOCOL',
      message: expect.stringContaining(text),
    });
    for (const error of await Promise.all(failures)) {
      expect(error).toMatchObject({ code: 'ARFUSE_PEER_LOST', details: { rank: 1 } });
      expect(error.message).toContain(text);
    }
  });

  it('one that does not read keeps nobody else waiting', async () => {
    const [zero, stranger, two] = await withStranger();
    await stranger.receive(KIND.ready);
    stranger.socket.pause();
    const bytes = new Uint8Array(MEBIBYTE);
    const exchange = (operation: number): Promise<unknown>[] => {
      stranger.send(KIND.contribution, contribution(operation, bytes));
      return [zero, two].map((group) => group.exchange(bytes));
    };
    for (let operation = 0; operation < 2; operation += 1) await Promise.all(exchange(operation));
    expect(zero.signal.aborted).toBe(false);
    // But what waits for it has a limit.
    let operation = 2;
    while (!two.signal.aborted) await Promise.allSettled(exchange(operation++));
    expect(operation).toBeLessThan(20);
    for (const group of [zero, two]) {
      expect(group.signal.reason).toMatchObject({
        code: 'ARFUSE_PEER_LOST',
        message: expect.stringContaining('does not read'),
        details: { rank: 1 },
      });
    }
  });
});
