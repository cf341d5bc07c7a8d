import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ArfuseError, DeadlineError } from '@arfuse/contract';
import { deadlineFault, lostFault, missingRanks } from '../group/faults.ts';
import {
  contributionLimit,
  decodedFault,
  decodeRanks,
  gatheredLimit,
  unsentLimit,
} from '../group/messages.ts';
import type { GroupSettings } from '../group/options.ts';
import type { MasterAddress } from '../launcher/launch.ts';
import {
  createNonce,
  equalBytes,
  proofOf,
  secretRefused,
  sessionKeys,
} from '../wire/authentication.ts';
import { encodeFault, errorOf, faultOf } from '../wire/fault.ts';
import { KIND, type Kind, nameOfKind, refusedKind } from '../wire/frame.ts';
import { type LinkEnd, type Message, nextMessage } from '../wire/link.ts';
import { SocketLink } from '../wire/socket-link.ts';
import { decodeChallenge, encodeHello, HANDSHAKE_LIMIT } from './handshake.ts';

/** What a rank other than 0 needs to join its group. */
export interface JoinOptions {
  readonly rank: number;
  readonly size: number;
  readonly master: MasterAddress;
  readonly settings: GroupSettings;
  readonly secret: string | undefined;
}

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

/** Runs out once; shared by all waits of one rendezvous. */
class Deadline {
  readonly #end: number;
  constructor(readonly timeoutMs: number) {
    this.#end = performance.now() + timeoutMs;
  }

  get leftMs(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /** A promise's value, or `late`. */
  async race<T>(promise: Promise<T>): Promise<T | 'late'> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, this.leftMs, 'late');
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A connection to the master address, or why there is none yet. */
function connect({ host, port }: MasterAddress): { socket: Socket; made: Promise<string> } {
  const socket = createConnection({ host, port });
  const made = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('connect', () => {
      // A port that nobody listens to can connect to itself, if the system gives it to this very connection.
      const self =
        socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
      resolve(self ? 'ECONNREFUSED' : '');
    });
  });
  return { socket, made };
}

class Joining {
  readonly #options: JoinOptions;
  readonly #deadline: Deadline;
  readonly #peer: string;
  /** What the last attempt met. */
  #met = 'no answer';

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#deadline = new Deadline(options.settings.rendezvousTimeoutMs);
    this.#peer = `rank 0 at ${options.master.host}:${options.master.port}`;
  }

  async run(): Promise<SocketLink> {
    let pause = FIRST_PAUSE_MS;
    while (this.#deadline.leftMs > 0) {
      const link = await this.#attempt();
      if (link) return await this.#await(link);
      await sleep(Math.min(pause, this.#deadline.leftMs));
      pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
    }
    throw this.#unreached();
  }

  /** One connection with its handshake; undefined when it is to be tried again. */
  async #attempt(): Promise<SocketLink | undefined> {
    const { socket, made } = connect(this.#options.master);
    const failure = await this.#deadline.race(made);
    if (failure !== '') {
      socket.on('error', () => {});
      socket.destroy();
      if (failure !== 'late') this.#met = failure;
      return undefined;
    }
    const link = new SocketLink(socket, { peer: this.#peer, maxBytes: HANDSHAKE_LIMIT });
    try {
      if (await this.#handshake(link)) return link;
      link.destroy();
      return undefined;
    } catch (error) {
      const fault = faultOf(error as ArfuseError);
      if (fault?.code === 'ARFUSE_AUTHENTICATION') link.send(KIND.refused, encodeFault(fault));
      await link.close();
      throw error;
    }
  }

  async #handshake(link: SocketLink): Promise<boolean> {
    const { rank, size, settings, secret } = this.#options;
    const hasSecret = secret !== undefined;
    const { maxMessageBytes, deadAfterMs } = settings;
    const hello = encodeHello({
      rank,
      size,
      maxMessageBytes,
      deadAfterMs,
      hasSecret,
      nonce: createNonce(),
    });
    link.send(KIND.hello, hello);

    const answer = await this.#receive(link, KIND.challenge);
    if (!answer) return false;
    const { challenge, proof, ...said } = decodeChallenge(answer.payload, this.#peer);
    const transcript = { hello, challenge };
    if (said.hasSecret !== hasSecret) {
      throw secretRefused(this.#peer, hasSecret ? 'only here' : 'only there');
    }
    if (secret === undefined) {
      link.send(KIND.proof, new Uint8Array());
    } else {
      if (!equalBytes(proof, proofOf(secret, 'coordinator', transcript))) {
        throw secretRefused(this.#peer, 'different');
      }
      link.send(KIND.proof, proofOf(secret, 'member', transcript));
      link.secure(sessionKeys(secret, 'member', transcript));
    }
    if (!(await this.#receive(link, KIND.accepted))) return false;
    link.limit(gatheredLimit(maxMessageBytes, size));
    link.watch(deadAfterMs, unsentLimit(contributionLimit(maxMessageBytes)));
    return true;
  }

  /** The next message of the handshake; undefined when the connection ended or time is over. */
  async #receive(link: SocketLink, kind: Kind): Promise<Message | undefined> {
    const got = await this.#deadline.race(nextMessage(link));
    if (got === 'late') {
      this.#met = `a connection, but no "${nameOfKind(kind)}"`;
      return undefined;
    }
    if ('reason' in got) {
      if (got.error) throw got.error;
      this.#met = `a connection that ended before its "${nameOfKind(kind)}"`;
      return undefined;
    }
    if (got.kind === kind) return got;
    throw this.#answered(got, nameOfKind(kind));
  }

  /** Waits until all ranks have come. */
  async #await(link: SocketLink): Promise<SocketLink> {
    const { rank, size, settings } = this.#options;
    let arrived: readonly number[] = [0, rank];
    for (;;) {
      const got: Message | LinkEnd | 'late' = await this.#deadline.race(nextMessage(link));
      if (got === 'late') {
        const { rendezvousTimeoutMs: timeoutMs } = settings;
        const fault = deadlineFault({ what: 'rendezvous', timeoutMs, size, arrived });
        link.send(KIND.refused, encodeFault(fault));
        await link.close();
        throw errorOf(fault);
      }
      if ('reason' in got) {
        link.destroy();
        throw got.error ?? errorOf(lostFault(0, this.#peer, got.reason));
      }
      if (got.kind === KIND.ready) return link;
      if (got.kind !== KIND.roster) {
        await link.close();
        throw this.#answered(got, 'ready');
      }
      arrived = decodeRanks(got.payload);
    }
  }

  #answered({ kind, payload }: Message, expected: string): ArfuseError {
    if (kind === KIND.refused) return errorOf(decodedFault(payload, this.#peer));
    return refusedKind(this.#peer, kind, `"${expected}"`);
  }

  #unreached(): DeadlineError {
    const { rank, size, master, settings } = this.#options;
    const { host, port, hostFrom, portFrom } = master;
    return new DeadlineError({
      message:
        `rank ${rank} did not reach rank 0 within ${settings.rendezvousTimeoutMs / 1000} s ` +
        `at ${host} (${hostFrom}), port ${port} (${portFrom}): it met ${this.#met}.`,
      hint: 'See whether rank 0 runs and what it has written; check MASTER_ADDR, and ARFUSE_PORT, the same for all ranks.',
      details: {
        what: 'rendezvous',
        timeoutMs: settings.rendezvousTimeoutMs,
        arrived: [rank],
        missing: missingRanks(size, [rank]),
        host,
        port,
        met: this.#met,
      },
    });
  }
}

/**
 * Connects to rank 0, trying again until it listens, and waits until all ranks have come.
 * @throws DeadlineError, AuthenticationError, RendezvousError, ProtocolError, PeerLostError
 */
export function joinRanks(options: JoinOptions): Promise<SocketLink> {
  return new Joining(options).run();
}
