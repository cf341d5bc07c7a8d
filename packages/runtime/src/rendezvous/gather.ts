import { createServer, type Server, type Socket } from 'node:net';
import { ArfuseError, RendezvousError } from '@arfuse/contract';
import { deadlineFault, lostFault } from '../group/faults.ts';
import { contributionLimit, encodeRanks, gatheredLimit, unsentLimit } from '../group/messages.ts';
import type { GroupSettings } from '../group/options.ts';
import type { MasterAddress } from '../launcher/launch.ts';
import { decodeFault, encodeFault, errorOf, type Fault } from '../wire/fault.ts';
import { KIND, nameOfKind } from '../wire/frame.ts';
import type { SocketLink } from '../wire/socket-link.ts';
import { admitMember } from './admission.ts';

/** What rank 0 needs to gather the other ranks. */
export interface GatherOptions {
  readonly size: number;
  readonly master: MasterAddress;
  readonly settings: GroupSettings;
  readonly secret: string | undefined;
  readonly onListening: (port: number) => void;
  readonly onRefused: (error: ArfuseError) => void;
}

/** Links that were admitted, and the server that goes on refusing strangers. */
export interface Gathered {
  /** One per rank except 0. */
  readonly links: ReadonlyMap<number, SocketLink>;
  readonly close: () => Promise<void>;
}

/** Milliseconds that a connection may take to say who it is, at most. */
const LONGEST_HANDSHAKE_MS = 10_000;
/** Refused connections that a deadline's error quotes. */
const MOST_QUOTED = 4;

class Gathering {
  readonly #options: GatherOptions;
  readonly #server: Server;
  readonly #links = new Map<number, SocketLink>();
  readonly #refused: string[] = [];
  /** Connections that have not said who they are. */
  readonly #strangers = new Set<Socket>();
  /** Why the group does not form. */
  #failed: Fault | undefined;
  #settled = false;
  #arrived = 0;
  #rosterDue = false;
  #resolve: () => void = () => {};
  #reject: (error: ArfuseError) => void = () => {};

  constructor(options: GatherOptions) {
    this.#options = options;
    this.#server = createServer((socket) => void this.#admit(socket));
  }

  async run(): Promise<Gathered> {
    const { settings, master } = this.#options;
    await this.#listen(master);
    const ready = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const deadline = setTimeout(() => this.#deadline(), settings.rendezvousTimeoutMs);
    try {
      await ready;
    } finally {
      clearTimeout(deadline);
    }
    // Strangers that come later are told why they are refused, for as long as the process lives anyway.
    this.#server.unref();
    return { links: this.#links, close: () => this.#close() };
  }

  #listen(master: MasterAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(listenError(master, error)),
      );
      this.#server.listen({ host: master.host, port: master.port }, () => {
        const address = this.#server.address();
        this.#options.onListening(
          typeof address === 'object' && address ? address.port : master.port,
        );
        resolve();
      });
    });
  }

  async #admit(socket: Socket): Promise<void> {
    const { size, settings, secret, onRefused } = this.#options;
    // Enough for all ranks to come twice; a flood of strangers waits outside.
    if (this.#strangers.size >= 2 * size + 64) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    try {
      const admitted = await admitMember(socket, {
        size,
        settings,
        secret,
        handshakeMs: Math.min(LONGEST_HANDSHAKE_MS, settings.rendezvousTimeoutMs / 4),
        claim: (rank, link) => this.#claim(rank, link),
      });
      if (admitted) this.#arrive(admitted.rank, admitted.link);
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      if (this.#refused.length < MOST_QUOTED) this.#refused.push(error.message);
      onRefused(error);
    } finally {
      this.#strangers.delete(socket);
    }
  }

  #claim(rank: number, link: SocketLink): string | undefined {
    if (rank === 0) return 'the one that listens';
    const other = this.#links.get(rank);
    if (!other) this.#links.set(rank, link);
    return other?.peer;
  }

  #arrive(rank: number, link: SocketLink): void {
    const { size, settings } = this.#options;
    if (this.#failed) {
      link.send(KIND.refused, encodeFault(this.#failed));
      void link.close();
      return;
    }
    this.#arrived += 1;
    link.limit(contributionLimit(settings.maxMessageBytes));
    link.watch(settings.deadAfterMs, unsentLimit(gatheredLimit(settings.maxMessageBytes, size)));
    link.listen({
      message: ({ kind, payload }) => {
        // The rank gives up, by its own deadline.
        const fault = kind === KIND.refused ? decodeFault(payload) : undefined;
        this.#fail(fault ?? lostFault(rank, link.peer, `sent "${nameOfKind(kind)}" too early`));
      },
      down: ({ reason, error }) => {
        const what = error ? `${reason} (${error.message})` : reason;
        this.#fail(lostFault(rank, link.peer, what));
      },
    });
    link.send(KIND.accepted, new Uint8Array());
    if (this.#arrived === size - 1) this.#ready();
    else this.#tellRoster();
  }

  /** Who has come, so that a rank whose deadline is the first can say it. Arrivals of one moment are told together. */
  #tellRoster(): void {
    if (this.#rosterDue) return;
    this.#rosterDue = true;
    setImmediate(() => {
      this.#rosterDue = false;
      if (this.#settled) return;
      const roster = encodeRanks([0, ...this.#links.keys()]);
      for (const link of this.#links.values()) link.send(KIND.roster, roster);
    });
  }

  #ready(): void {
    this.#settled = true;
    for (const link of this.#links.values()) {
      link.listen(undefined);
      link.send(KIND.ready, new Uint8Array());
    }
    this.#resolve();
  }

  #deadline(): void {
    const { settings, size } = this.#options;
    this.#fail(
      deadlineFault({
        what: 'rendezvous',
        timeoutMs: settings.rendezvousTimeoutMs,
        size,
        arrived: [0, ...this.#links.keys()],
        refused: this.#refused,
      }),
    );
  }

  #fail(fault: Fault): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#failed = fault;
    const told = [...this.#links.values()].map((link) => {
      link.send(KIND.refused, encodeFault(fault));
      return link.close();
    });
    void Promise.all([...told, this.#close()]).then(() => this.#reject(errorOf(fault)));
  }

  #close(): Promise<void> {
    for (const socket of this.#strangers) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function listenError(master: MasterAddress, error: NodeJS.ErrnoException): RendezvousError {
  const { host, port, hostFrom, portFrom } = master;
  const at = `port ${port} (${portFrom}) of ${host} (${hostFrom})`;
  const details = { host, port, hostFrom, portFrom, system: error.code };
  const fail = (message: string, hint: string): RendezvousError =>
    new RendezvousError({ message, hint, details, cause: error });
  switch (error.code) {
    case 'EADDRINUSE':
      return fail(
        `rank 0 cannot listen: ${at} is taken.`,
        'Set ARFUSE_PORT to a free port, the same for all ranks; or two processes have RANK 0.',
      );
    case 'EACCES':
      return fail(
        `rank 0 may not listen at ${at}.`,
        'Set ARFUSE_PORT to a port above 1023, the same for all ranks.',
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(
        `rank 0 cannot listen: ${host} (${hostFrom}) is no address of this machine.`,
        'Set MASTER_ADDR to the machine that runs rank 0.',
      );
    default:
      return fail(
        `rank 0 cannot listen at ${at}: ${error.message}.`,
        'Check MASTER_ADDR and ARFUSE_PORT.',
      );
  }
}

/**
 * Listens at the master address and waits until every other rank has come.
 * @throws RendezvousError when it cannot listen; DeadlineError and PeerLostError, which all ranks that have come throw too
 */
export function gatherRanks(options: GatherOptions): Promise<Gathered> {
  return new Gathering(options).run();
}
