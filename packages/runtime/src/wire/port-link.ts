import type { MessagePort } from 'node:worker_threads';
import { KIND, type Kind } from './frame.ts';
import { Inbox, type Link, type LinkListener, type Message } from './link.ts';

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, payload } = value as Partial<Message>;
  return Object.values<unknown>(KIND).includes(kind) && payload instanceof Uint8Array;
}

/** A link over one end of a `MessageChannel`, between worker threads. */
export class PortLink implements Link {
  readonly #inbox = new Inbox();
  readonly #port: MessagePort;

  constructor(
    port: MessagePort,
    readonly peer: string,
  ) {
    this.#port = port;
    port.on('message', (value: unknown) => {
      if (isMessage(value)) this.#inbox.message(value);
    });
    port.on('close', () => this.#inbox.down({ reason: 'ended without leaving' }));
  }

  send(kind: Kind, payload: Uint8Array): void {
    // A view would take its whole buffer with it, which may hold other data.
    this.#port.postMessage({ kind, payload: new Uint8Array(payload) });
  }

  listen(listener: LinkListener | undefined): void {
    this.#inbox.listen(listener);
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#inbox.end();
    this.#port.close();
  }
}
