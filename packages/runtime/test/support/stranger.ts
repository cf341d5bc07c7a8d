import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { ArfuseError } from '@arfuse/contract';
import { encodeHello, type Hello } from '../../src/rendezvous/handshake.ts';
import { createNonce } from '../../src/wire/authentication.ts';
import { decodeFault, type Fault } from '../../src/wire/fault.ts';
import { encodeHeader, KIND, type Kind } from '../../src/wire/frame.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';

/** A connection that speaks the wire by hand, to say it wrongly. */
export class Stranger {
  readonly socket: Socket;
  readonly #reader = new FrameReader('rank 0', 2 ** 32 - 1);
  #sent = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#reader.push(chunk));
  }

  static async connect(port: number): Promise<Stranger> {
    const socket = createConnection({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new Stranger(socket);
  }

  /** Sends a well-formed message, or one with the given wrong header fields. */
  send(
    kind: Kind | number,
    payload: Uint8Array = new Uint8Array(),
    wrong: { sequence?: number; length?: number; authenticated?: boolean } = {},
  ): void {
    const header = {
      kind: kind as Kind,
      authenticated: false,
      sequence: this.#sent,
      length: payload.length,
      ...wrong,
    };
    this.#sent += 1;
    this.socket.write(Buffer.concat([encodeHeader(header), payload]));
  }

  hello(change: Partial<Hello> = {}): Buffer {
    const hello = encodeHello({
      rank: 1,
      size: 2,
      maxMessageBytes: 1024 * 1024,
      deadAfterMs: 4000,
      hasSecret: false,
      nonce: createNonce(),
      ...change,
    });
    this.send(KIND.hello, hello);
    return hello;
  }

  /** The next message of a kind; others are passed over. */
  async receive(kind: Kind): Promise<Buffer> {
    for (;;) {
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
        if (frame.header.kind === kind) return frame.payload;
      }
      await once(this.socket, 'data');
    }
  }

  /** Joins as a rank, without a secret. */
  async join(change: Partial<Hello> = {}): Promise<void> {
    this.hello(change);
    await this.receive(KIND.challenge);
    this.send(KIND.proof);
    await this.receive(KIND.accepted);
  }

  /** Why the peer refuses. */
  async refusal(): Promise<Fault> {
    return decodeFault(await this.receive(KIND.refused))!;
  }
}

/** What a promise rejects with, which must be an error of arfuse. */
export async function failureOf(promise: Promise<unknown>): Promise<ArfuseError> {
  try {
    await promise;
  } catch (error) {
    if (ArfuseError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
