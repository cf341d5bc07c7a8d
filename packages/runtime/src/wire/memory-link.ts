import type { Kind } from './frame.ts';
import { Inbox, type Link, type LinkListener, type Message } from './link.ts';

class MemoryLink implements Link {
  readonly #inbox = new Inbox();
  other: MemoryLink | undefined;

  constructor(readonly peer: string) {}

  send(kind: Kind, payload: Uint8Array): void {
    // What one rank gets, it may change, while the same bytes wait for other ranks' sockets.
    const message = { kind, payload: new Uint8Array(payload) };
    const { other } = this;
    queueMicrotask(() => other?.take(message));
  }

  take(message: Message): void {
    this.#inbox.message(message);
  }

  lose(): void {
    this.#inbox.down({ reason: 'ended without leaving' });
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
    const { other } = this;
    this.other = undefined;
    queueMicrotask(() => other?.lose());
  }
}

/**
 * Two ends of a link within one thread.
 * @param first - what the second end calls the first
 * @param second - what the first end calls the second
 */
export function memoryLinks(first: string, second: string): [Link, Link] {
  const here = new MemoryLink(second);
  const there = new MemoryLink(first);
  here.other = there;
  there.other = here;
  return [here, there];
}
