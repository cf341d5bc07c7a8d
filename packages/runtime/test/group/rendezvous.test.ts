import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openGroup } from '../../src/index.ts';
import { encodeHeader, KIND } from '../../src/wire/frame.ts';
import { closeHere, openFirst, openOther } from '../support/here.ts';
import { environment, freePort } from '../support/processes.ts';
import { failureOf, Stranger } from '../support/stranger.ts';

afterEach(closeHere);

/** Runs a server that is no rank. */
async function otherProgram(answer: string, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => answer && socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await use(typeof address === 'object' && address ? address.port : 0);
  } finally {
    server.close();
  }
}

describe('deadlines', () => {
  it('every rank that has come says who has and who has not', async () => {
    const options = { rendezvousTimeoutMs: 800 };
    const { port, opened } = await openFirst(4, options);
    const second = openOther(2, 4, port, { rendezvousTimeoutMs: 20_000 });
    for (const error of await Promise.all([failureOf(opened), failureOf(second)])) {
      expect(error).toMatchObject({
        code: 'ARFUSE_DEADLINE',
        message: expect.stringContaining(
          'the rendezvous was not complete after 0.8 s: ranks 0, 2 have arrived, ranks 1, 3 have not.',
        ),
        details: { arrived: [0, 2], missing: [1, 3], timeoutMs: 800 },
      });
    }
  });

  it('the first rank to give up tells the others', async () => {
    const { port, opened } = await openFirst(3, { rendezvousTimeoutMs: 20_000 });
    const second = openOther(1, 3, port, { rendezvousTimeoutMs: 500 });
    for (const error of await Promise.all([failureOf(opened), failureOf(second)])) {
      expect(error).toMatchObject({
        code: 'ARFUSE_DEADLINE',
        details: { arrived: [0, 1], missing: [2], timeoutMs: 500 },
      });
    }
  });

  it('a rank says where it looked for rank 0', async () => {
    const port = await freePort();
    const error = await failureOf(openOther(1, 2, port, { rendezvousTimeoutMs: 200 }));
    expect(error).toMatchObject({
      code: 'ARFUSE_DEADLINE',
      details: { arrived: [1], missing: [0], met: 'ECONNREFUSED', port },
    });
    expect(error.message).toContain(`127.0.0.1 (MASTER_ADDR), port ${port} (ARFUSE_PORT)`);
  });

  it('a rank that comes after the deadline finds nobody', async () => {
    const { port, opened } = await openFirst(2, { rendezvousTimeoutMs: 50 });
    await failureOf(opened);
    const late = await failureOf(openOther(1, 2, port, { rendezvousTimeoutMs: 200 }));
    expect(late).toMatchObject({ code: 'ARFUSE_DEADLINE', details: { missing: [0] } });
  });

  it('a program that does not answer is named as such', () =>
    otherProgram('', async (port) => {
      const error = await failureOf(openOther(1, 2, port, { rendezvousTimeoutMs: 300 }));
      expect(error).toMatchObject({
        code: 'ARFUSE_DEADLINE',
        message: expect.stringContaining('a connection, but no "challenge"'),
      });
    }));
});

describe('the listener', () => {
  it('names the port and the variable when it is taken', () =>
    otherProgram('', async (port) => {
      const error = await failureOf(openGroup({ env: environment(0, 2, port) }));
      expect(error).toMatchObject({
        code: 'ARFUSE_RENDEZVOUS',
        message: expect.stringContaining(`port ${port} (ARFUSE_PORT) of 127.0.0.1`),
        details: { port, portFrom: 'ARFUSE_PORT', system: 'EADDRINUSE' },
      });
      const { ARFUSE_PORT: _, ...env } = environment(0, 2, port, {
        MASTER_PORT: String(port - 17),
      });
      expect((await failureOf(openGroup({ env }))).message).toContain('(MASTER_PORT + 17)');
    }));

  it('listens at the master address and nowhere else', async () => {
    const { port } = await openFirst(2, { rendezvousTimeoutMs: 300 });
    const elsewhere = openOther(
      1,
      2,
      port,
      { rendezvousTimeoutMs: 200 },
      {
        MASTER_ADDR: '127.0.0.2',
      },
    );
    expect((await failureOf(elsewhere)).details).toMatchObject({ met: 'ECONNREFUSED' });
  });

  it('refuses an address of another machine', async () => {
    const env = environment(0, 2, 0, { MASTER_ADDR: '192.0.2.1' });
    expect(await failureOf(openGroup({ env }))).toMatchObject({
      code: 'ARFUSE_RENDEZVOUS',
      message: expect.stringContaining('192.0.2.1 (MASTER_ADDR) is no address of this machine'),
    });
  });
});

describe('strangers do not disturb the ranks that are right', () => {
  const header = (change: Partial<Parameters<typeof encodeHeader>[0]>): Buffer =>
    encodeHeader({ kind: KIND.hello, authenticated: false, sequence: 0, length: 0, ...change });
  const otherVersion = header({});
  otherVersion.writeUInt16BE(1, 4);

  it.each<[string, Buffer, string]>([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'begin with 0x474554202f204854'],
    ['random bytes', Buffer.from('c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00', 'hex'), '0xc0ffee'],
    ['another version', otherVersion, 'protocol version 1; expected was version 2'],
    ['an oversized message', header({ length: 2 ** 31 }), 'a message of 2147483648 bytes'],
    ['a short hello', Buffer.concat([header({ length: 3 }), Buffer.alloc(3)]), 'a hello of 3'],
    ['a message out of turn', header({ kind: KIND.contribution }), '"contribution"'],
    [
      'an HMAC that nobody asked for',
      Buffer.concat([header({ authenticated: true }), Buffer.alloc(32)]),
      'with a wrong HMAC',
    ],
    ['silence', Buffer.alloc(0), 'sent nothing; expected was "hello" within 0.5 s'],
  ])('%s', async (_, bytes, text) => {
    const first = await openFirst(2, { rendezvousTimeoutMs: 2000 });
    const stranger = await Stranger.connect(first.port);
    const refused = first.nextRefused();
    stranger.socket.write(bytes);
    expect(await stranger.refusal()).toMatchObject({
      code: 'ARFUSE_PROTOCOL',
      message: expect.stringContaining(text),
    });
    const peer = `127.0.0.1:${stranger.socket.localPort}`;
    expect(await refused).toMatchObject({
      code: 'ARFUSE_PROTOCOL',
      message: expect.stringContaining(text),
      details: { peer },
    });
    const second = openOther(1, 2, first.port, { rendezvousTimeoutMs: 2000 });
    const groups = await Promise.all([first.opened, second]);
    await Promise.all(groups.map((group) => group.barrier()));
  });

  it('one that goes without a word is not worth one', async () => {
    const first = await openFirst(2);
    const stranger = await Stranger.connect(first.port);
    stranger.hello({ rank: 1 });
    await stranger.receive(KIND.challenge);
    stranger.socket.destroy();
    await Promise.all([first.opened, openOther(1, 2, first.port)]);
    expect(first.refused).toEqual([]);
  });

  it('the deadline quotes who was refused', async () => {
    const first = await openFirst(2, { rendezvousTimeoutMs: 400 });
    const stranger = await Stranger.connect(first.port);
    stranger.hello({ rank: 1, size: 3 });
    stranger.send(KIND.proof);
    const error = await failureOf(first.opened);
    expect(error.code).toBe('ARFUSE_DEADLINE');
    expect(error.message).toContain('Refused meanwhile: rank 1 at 127.0.0.1:');
    expect(error.message).toContain('a group of 3 ranks (WORLD_SIZE), rank 0 one of 2');
  });

  it('another program at the port is named', () =>
    otherProgram('HTTP/1.1 400 Bad Request\r\n\r\n', async (port) => {
      expect(await failureOf(openOther(1, 2, port))).toMatchObject({
        code: 'ARFUSE_PROTOCOL',
        message: expect.stringContaining(`rank 0 at 127.0.0.1:${port} sent bytes that begin with`),
      });
    }));
});

describe('wrong ranks', () => {
  it('another world size', async () => {
    const first = await openFirst(2);
    const refused = first.nextRefused();
    const wrong = await failureOf(openOther(1, 4, first.port));
    for (const error of [wrong, await refused]) {
      expect(error).toMatchObject({
        code: 'ARFUSE_RENDEZVOUS',
        message: expect.stringContaining('a group of 4 ranks (WORLD_SIZE), rank 0 one of 2'),
        details: { rank: 1, field: 'size', found: 4, expected: 2 },
      });
    }
    await Promise.all([first.opened, openOther(1, 2, first.port)]);
  });

  it('a rank twice, before and after the group is complete', async () => {
    const first = await openFirst(3);
    const held = await Stranger.connect(first.port);
    await held.join({ rank: 1, size: 3 });
    const twice = {
      code: 'ARFUSE_RENDEZVOUS',
      message: expect.stringContaining(
        `comes second: rank 1 is rank 1 at 127.0.0.1:${held.socket.localPort}`,
      ),
      details: { rank: 1, field: 'rank' },
    };
    const refused = first.nextRefused();
    expect(await failureOf(openOther(1, 3, first.port))).toMatchObject(twice);
    expect(await refused).toMatchObject(twice);
    await openOther(2, 3, first.port);
    const group = await first.opened;
    expect(await failureOf(openOther(1, 3, first.port))).toMatchObject(twice);
    expect(group.signal.aborted).toBe(false);
  });

  it('two at the same moment', async () => {
    const first = await openFirst(3);
    const outcomes = await Promise.allSettled([
      openOther(1, 3, first.port),
      openOther(1, 3, first.port, { rendezvousTimeoutMs: 60_000 }),
      openOther(2, 3, first.port),
      first.opened,
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
  });

  it.each([
    [{ rank: 2 }, 'is out of range: ranks count from 0 to 1'],
    [{ rank: 0 }, 'rank 0 is the one that listens'],
    [{ maxMessageBytes: 5 }, 'maxMessageBytes 5, rank 0 has 1048576'],
    [{ deadAfterMs: 999 }, 'deadAfterMs 999, rank 0 has 4000'],
  ])('%o', async (hello, text) => {
    const first = await openFirst(2);
    const stranger = await Stranger.connect(first.port);
    stranger.hello(hello);
    stranger.send(KIND.proof);
    expect(await stranger.refusal()).toMatchObject({
      code: 'ARFUSE_RENDEZVOUS',
      message: expect.stringContaining(text),
    });
    await Promise.all([first.opened, openOther(1, 2, first.port)]);
  });
});
