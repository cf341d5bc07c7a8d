import { createConnection, createServer, type Socket } from 'node:net';

/** What a proxy does with what a member sends. */
export type Meddle = (chunk: Buffer, forward: (bytes: Buffer) => void) => void;

/** Stands between members and rank 0. */
export class Proxy {
  /** Applied to what members send from now on. */
  meddle: Meddle = (chunk, forward) => forward(chunk);
  /** Everything that members have sent, for looking at. */
  readonly seen: Buffer[] = [];
  readonly #sockets: Socket[] = [];
  readonly #server = createServer((member) => this.#connect(member));
  #target = 0;

  /** Listens; resolves to its port. */
  async listen(target: number): Promise<number> {
    this.#target = target;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(member: Socket): void {
    const coordinator = createConnection({ host: '127.0.0.1', port: this.#target });
    this.#sockets.push(member, coordinator);
    member.on('data', (chunk) => {
      this.seen.push(chunk);
      this.meddle(chunk, (bytes) => coordinator.write(bytes));
    });
    coordinator.on('data', (chunk) => member.write(chunk));
    for (const [socket, other] of [
      [member, coordinator],
      [coordinator, member],
    ] as const) {
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
  }
}
