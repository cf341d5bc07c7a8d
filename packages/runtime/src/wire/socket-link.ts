import type { Socket } from 'node:net';
import type { ArfuseError } from '@arfuse/contract';
import { equalBytes, macOf, type SessionKeys } from './authentication.ts';
import { encodeHeader, KIND, type Kind, nameOfKind, refusedBytes, SAME_RELEASE } from './frame.ts';
import { type Frame, FrameReader } from './frame-reader.ts';
import { Inbox, type Link, type LinkListener } from './link.ts';

/** How long a peer may take to read what was sent before the link ends, in milliseconds. */
const LINGER_MS = 1000;
/** A handshake is a conversation: nobody sends this many messages without an answer. */
const MOST_WAITING = 64;

/** Heartbeats and looks at the clock in the time after which a silent peer counts as dead. */
const BEATS = 16;

/** Sizes and names of a socket's link. */
export interface SocketLinkOptions {
  readonly peer: string;
  /** Most bytes of a message from the peer. */
  readonly maxBytes: number;
}

/** A link over a TCP connection: messages with header, sequence number, optional HMAC and heartbeat. */
export class SocketLink implements Link {
  readonly #socket: Socket;
  readonly #inbox = new Inbox();
  readonly #reader: FrameReader;
  #peer: string;
  #keys: SessionKeys | undefined;
  #sent = 0;
  #lastHeard = performance.now();
  #heartbeat: NodeJS.Timeout | undefined;
  #mostUnsent = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(socket: Socket, options: SocketLinkOptions) {
    this.#socket = socket;
    this.#peer = options.peer;
    this.#reader = new FrameReader(options.peer, options.maxBytes);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#down(`broke its connection (${error.code ?? error.message})`);
    });
    socket.on('close', () => this.#down('closed its connection without leaving'));
    socket.on('end', () => this.#down('closed its connection without leaving'));
  }

  get peer(): string {
    return this.#peer;
  }

  /** The peer is known better now: by its rank. */
  rename(peer: string): void {
    this.#peer = peer;
    this.#reader.peer = peer;
  }

  /** From now on every message carries an HMAC, and has to. */
  secure(keys: SessionKeys): void {
    this.#keys = keys;
  }

  /** Changes the most bytes of a message from the peer. */
  limit(maxBytes: number): void {
    this.#reader.maxBytes = maxBytes;
  }

  send(kind: Kind, payload: Uint8Array): void {
    if (!this.#socket.writable) return;
    const header = encodeHeader({
      kind,
      authenticated: this.#keys !== undefined,
      sequence: this.#sent,
      length: payload.length,
    });
    this.#sent += 1;
    this.#socket.cork();
    this.#socket.write(header);
    if (payload.length > 0) this.#socket.write(payload);
    if (this.#keys) this.#socket.write(macOf(this.#keys.send, header, payload));
    this.#socket.uncork();
    const unsent = this.#socket.writableLength;
    if (unsent <= this.#mostUnsent) return;
    // Not now: the sender may be in the middle of telling all ranks something.
    queueMicrotask(() => {
      this.#down(`does not read: ${unsent} bytes wait for it`);
      this.#socket.destroy();
    });
  }

  listen(listener: LinkListener | undefined): void {
    this.#inbox.listen(listener);
  }

  /**
   * Sends heartbeats and expects them.
   * @param deadAfterMs - milliseconds of silence after which the peer counts as dead
   * @param mostUnsent - bytes that may wait for a peer that does not read, before it counts as dead
   */
  watch(deadAfterMs: number, mostUnsent: number): void {
    this.#mostUnsent = mostUnsent;
    this.#lastHeard = performance.now();
    const beat = deadAfterMs / BEATS;
    const silent = (): boolean => performance.now() - this.#lastHeard > deadAfterMs;
    this.#heartbeat = setInterval(() => {
      // What a peer has not read yet tells it as much as one more heartbeat.
      if (this.#socket.writableLength === 0) this.send(KIND.heartbeat, new Uint8Array());
      if (!silent()) return;
      // If this thread was busy, the peer's messages wait in the socket: they are read before immediates run.
      setImmediate(() => {
        if (this.#ended || !silent()) return;
        this.#down(`has been silent for ${deadAfterMs / 1000} s`);
        this.#socket.destroy();
      });
    }, beat);
    this.#heartbeat.unref();
  }

  close(): Promise<void> {
    if (this.#ended && this.#socket.destroyed) return Promise.resolve();
    this.#end();
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#socket.destroy(), LINGER_MS);
      this.#socket.once('close', () => {
        clearTimeout(late);
        resolve();
      });
      if (this.#socket.destroyed) {
        clearTimeout(late);
        resolve();
        return;
      }
      // Unread bytes at the end of a connection would make the system drop what was just sent.
      this.#socket.resume();
      this.#socket.end();
    });
  }

  destroy(): void {
    this.#end();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    this.#lastHeard = performance.now();
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
        this.#verify(frame);
        if (frame.header.kind === KIND.heartbeat) continue;
        this.#inbox.message({ kind: frame.header.kind, payload: frame.payload });
        if (this.#ended) return;
        if (this.#inbox.waiting > MOST_WAITING) {
          throw refusedBytes(
            this.#peer,
            'more messages than were asked for',
            'to wait for an answer',
            SAME_RELEASE,
          );
        }
      }
    } catch (error) {
      this.#violation(error as ArfuseError);
    }
  }

  #verify({ header, headerBytes, payload, mac }: Frame): void {
    if (header.authenticated) {
      const expected = this.#keys && macOf(this.#keys.receive, headerBytes, payload);
      if (expected && equalBytes(mac, expected)) return;
    } else if (!this.#keys || header.kind === KIND.refused) {
      // A refusal may come from a peer that has no keys, and can only end the connection.
      return;
    }
    throw refusedBytes(
      this.#peer,
      `${nameOfKind(header.kind)} ${header.authenticated ? 'with a wrong HMAC' : 'without an HMAC'}`,
      this.#keys ? 'an HMAC under ARFUSE_RENDEZVOUS_SECRET' : 'no HMAC',
      'The connection was damaged or tampered with: restart the group.',
    );
  }

  #violation(error: ArfuseError): void {
    if (this.#ended) return;
    this.#quiet();
    this.#inbox.down({ reason: 'broke the protocol', error });
  }

  #down(reason: string): void {
    if (this.#ended) return;
    this.#quiet();
    this.#inbox.down({ reason });
  }

  #quiet(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
  }

  #end(): void {
    this.#quiet();
    this.#inbox.end();
  }
}
