import type { ArfuseError } from '@arfuse/contract';
import type { Kind } from './frame.ts';

/** One message between a member and the coordinator. */
export interface Message {
  readonly kind: Kind;
  readonly payload: Uint8Array;
}

/** Why a link ended. */
export interface LinkEnd {
  /** What the peer did, e.g. `closed its connection`. */
  readonly reason: string;
  /** Set when the peer broke the protocol. */
  readonly error?: ArfuseError;
}

/** Who takes what comes from a link. */
export interface LinkListener {
  message(message: Message): void;
  /** Called once, after the last message. Not called when this side ended the link. */
  down(end: LinkEnd): void;
}

/** Ordered, reliable messages with one peer; over a socket, a message port or within one thread. */
export interface Link {
  /** Who is at the other end, for errors. */
  readonly peer: string;
  /** Sends a message; the bytes are not to be changed any more. Does nothing when the link has ended. */
  send(kind: Kind, payload: Uint8Array): void;
  /** Replaces the listener. Messages that come while there is none wait for the next. */
  listen(listener: LinkListener | undefined): void;
  /** Sends what is waiting, then ends; resolves when all is sent or the peer does not take it within a second. */
  close(): Promise<void>;
  /** Ends at once. */
  destroy(): void;
}

/** The listener of a link, and what waits for one. */
export class Inbox {
  #listener: LinkListener | undefined;
  #waiting: Message[] = [];
  #end: LinkEnd | undefined;
  #ended = false;

  /** Messages that wait for a listener. */
  get waiting(): number {
    return this.#waiting.length;
  }

  listen(listener: LinkListener | undefined): void {
    this.#listener = listener;
    while (this.#listener && this.#waiting.length > 0) {
      this.#listener.message(this.#waiting.shift()!);
    }
    this.#deliverEnd();
  }

  message(message: Message): void {
    if (this.#ended) return;
    if (this.#listener) this.#listener.message(message);
    else this.#waiting.push(message);
  }

  down(end: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end = end;
    this.#deliverEnd();
  }

  /** This side ends the link: nothing is delivered any more. */
  end(): void {
    this.#ended = true;
    this.#end = undefined;
    this.#waiting = [];
    this.#listener = undefined;
  }

  #deliverEnd(): void {
    if (!this.#listener || !this.#end || this.#waiting.length > 0) return;
    const end = this.#end;
    this.#end = undefined;
    this.#listener.down(end);
  }
}

/**
 * The next message of a link, which has no listener meanwhile.
 * @returns the message, or why none can come
 */
export function nextMessage(link: Link): Promise<Message | LinkEnd> {
  return new Promise((resolve) => {
    link.listen({
      message(message) {
        link.listen(undefined);
        resolve(message);
      },
      down: resolve,
    });
  });
}
