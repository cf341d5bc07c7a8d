import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeHeader, KIND } from '../../src/wire/frame.ts';
import { type LinkEnd, nextMessage } from '../../src/wire/link.ts';
import { SocketLink } from '../../src/wire/socket-link.ts';

/** The accepted socket first, then the one that connected. */
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Waits for one connection; `connect` makes it. */
async function accepted(connect: (port: number) => void): Promise<Socket> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const coming = once(server, 'connection');
  connect(typeof address === 'object' && address ? address.port : 0);
  const [socket] = (await coming) as [Socket];
  server.close();
  sockets.unshift(socket);
  return socket;
}

async function links(): Promise<[SocketLink, SocketLink]> {
  let other: Socket | undefined;
  const socket = await accepted((port) => {
    other = createConnection({ host: '127.0.0.1', port });
    sockets.push(other);
  });
  return [
    new SocketLink(socket, { peer: 'rank 1', maxBytes: 1000 }),
    new SocketLink(other!, { peer: 'rank 0', maxBytes: 1000 }),
  ];
}

const ended = (link: SocketLink): Promise<LinkEnd> =>
  new Promise((resolve) => link.listen({ message() {}, down: resolve }));

/** A thread that sends what it was given, a piece every 50 ms. */
const BEATING = `
  const { workerData: { beats, port } } = require('node:worker_threads');
  const socket = require('node:net').createConnection({ host: '127.0.0.1', port }, () => {
    for (const [index, beat] of beats.entries()) setTimeout(() => socket.write(beat), 50 * index);
  });
  socket.on('error', () => {});
`;

describe('a link over a socket', () => {
  it('keeps messages until somebody listens, in order, and then the end', async () => {
    const [one, other] = await links();
    for (const byte of [1, 2, 3]) one.send(KIND.roster, Uint8Array.of(byte));
    await one.close();
    for (const byte of [1, 2, 3]) {
      expect(await nextMessage(other)).toMatchObject({ payload: Buffer.of(byte) });
    }
    expect(await nextMessage(other)).toEqual({ reason: 'closed its connection without leaving' });
  });

  it('delivers what was sent before it was closed, to a peer that talks on', async () => {
    const [one, other] = await links();
    const got: number[] = [];
    const end = new Promise<LinkEnd>((down) => {
      other.listen({ message: ({ payload }) => got.push(payload.length), down });
    });
    for (let i = 0; i < 50; i += 1) {
      other.send(KIND.roster, new Uint8Array(1000));
      one.send(KIND.roster, new Uint8Array(1000));
    }
    await one.close();
    await end;
    expect(got.length).toBe(50);
  });

  it('does not let a stranger send without end', async () => {
    const [one, other] = await links();
    for (let i = 0; i < 70; i += 1) other.send(KIND.roster, new Uint8Array());
    await once(sockets[0]!, 'data');
    const { error } = await ended(one);
    expect(error?.message).toContain('more messages than were asked for');
  });

  it('ends when the peer is silent, and not while it beats', async () => {
    const [one, other] = await links();
    one.watch(300, 1000);
    other.watch(300, 1000);
    const quiet = ended(one);
    let over = false;
    void quiet.then(() => {
      over = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(over).toBe(false);
    sockets[0]!.pause();
    expect(await quiet).toEqual({ reason: 'has been silent for 0.3 s' });
  });

  it('does not take its own thread being busy for silence of the peer', async () => {
    const beats = Array.from({ length: 100 }, (_, sequence) =>
      encodeHeader({ kind: KIND.heartbeat, authenticated: false, sequence, length: 0 }),
    );
    let peer: Worker | undefined;
    const socket = await accepted((port) => {
      peer = new Worker(BEATING, { eval: true, workerData: { beats, port } });
    });
    const link = new SocketLink(socket, { peer: 'rank 1', maxBytes: 1000 });
    link.watch(300, 1000);
    let end: LinkEnd | undefined;
    link.listen({ message() {}, down: (reason) => (end = reason) });
    for (let round = 0; round < 2; round += 1) {
      await once(socket, 'data');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
    await once(socket, 'data');
    expect(end).toBeUndefined();
    await peer?.terminate();
  });
});
