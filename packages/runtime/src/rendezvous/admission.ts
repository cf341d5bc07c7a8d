import type { Socket } from 'node:net';
import { ArfuseError, RendezvousError } from '@arfuse/contract';
import { decodedFault } from '../group/messages.ts';
import type { GroupSettings } from '../group/options.ts';
import {
  createNonce,
  equalBytes,
  proofOf,
  secretRefused,
  sessionKeys,
} from '../wire/authentication.ts';
import { encodeFault, errorOf, faultOf } from '../wire/fault.ts';
import { KIND, type Kind, nameOfKind, refusedBytes, refusedKind } from '../wire/frame.ts';
import { type Message, nextMessage } from '../wire/link.ts';
import { SocketLink } from '../wire/socket-link.ts';
import { decodeHello, encodeChallenge, HANDSHAKE_LIMIT, type Hello } from './handshake.ts';

/** What the coordinator requires of a member. */
export interface AdmissionRules {
  readonly size: number;
  readonly settings: GroupSettings;
  readonly secret: string | undefined;
  /** Milliseconds for the whole handshake. */
  readonly handshakeMs: number;
  /** Gives a rank to a link, or says who has it. */
  readonly claim: (rank: number, link: SocketLink) => string | undefined;
}

/** A connection that has proved to be a rank of the group. */
export interface Admitted {
  readonly rank: number;
  readonly link: SocketLink;
}

/** `127.0.0.1:40112` or `[::1]:40112`. */
function addressOf({ remoteAddress, remoteFamily, remotePort }: Socket): string {
  const host = remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress;
  return `${host ?? 'a peer that has gone'}:${remotePort ?? 0}`;
}

/**
 * Admits one connection, or refuses it at both sides.
 * @returns undefined when the peer went away without having said anything wrong
 * @throws ProtocolError, AuthenticationError, RendezvousError; the peer has been told
 */
export async function admitMember(
  socket: Socket,
  rules: AdmissionRules,
): Promise<Admitted | undefined> {
  const peer = addressOf(socket);
  const link = new SocketLink(socket, { peer, maxBytes: HANDSHAKE_LIMIT });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, rules.handshakeMs, 'late');
  });
  try {
    const rank = await handshake(link, rules, late);
    if (rank === undefined) link.destroy();
    return rank === undefined ? undefined : { rank, link };
  } catch (error) {
    const fault = ArfuseError.isInstance(error) ? faultOf(error) : undefined;
    if (fault) link.send(KIND.refused, encodeFault(fault));
    void link.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The rank that a connection proves to be; undefined when it has gone. */
async function handshake(
  link: SocketLink,
  rules: AdmissionRules,
  late: Promise<'late'>,
): Promise<number | undefined> {
  const first = await receive(link, KIND.hello, rules, late);
  if (!first) return undefined;
  const hello = decodeHello(first.payload, link.peer);
  link.rename(`rank ${hello.rank} at ${link.peer}`);

  const { secret } = rules;
  const challenge = encodeChallenge({ hasSecret: secret !== undefined, nonce: createNonce() });
  const transcript = { hello: first.payload, challenge };
  if ((secret !== undefined) !== hello.hasSecret) {
    // The challenge tells the member, which refuses in its own words.
    link.send(KIND.challenge, challenge);
    throw secretRefused(link.peer, hello.hasSecret ? 'only there' : 'only here');
  }
  const proof = secret === undefined ? [] : [proofOf(secret, 'coordinator', transcript)];
  link.send(KIND.challenge, Buffer.concat([challenge, ...proof]));

  const second = await receive(link, KIND.proof, rules, late);
  if (!second) return undefined;
  if (secret !== undefined) {
    if (!equalBytes(second.payload, proofOf(secret, 'member', transcript))) {
      throw secretRefused(link.peer, 'different');
    }
    link.secure(sessionKeys(secret, 'coordinator', transcript));
  }
  const wrong = wrongMember(hello, link, rules);
  if (wrong) throw wrong;
  return hello.rank;
}

/** The next message, which must be of a kind; undefined when the peer has gone. */
async function receive(
  link: SocketLink,
  kind: Kind,
  { handshakeMs }: AdmissionRules,
  late: Promise<'late'>,
): Promise<Message | undefined> {
  const { peer } = link;
  const expected = `"${nameOfKind(kind)}"`;
  const got = await Promise.race([nextMessage(link), late]);
  if (got === 'late') {
    const limit = `${expected} within ${handshakeMs / 1000} s`;
    throw refusedBytes(peer, 'nothing', limit, 'Another program seems to have connected.');
  }
  if ('reason' in got) {
    if (got.error) throw got.error;
    return undefined;
  }
  if (got.kind === kind) return got;
  if (got.kind === KIND.refused) {
    const fault = decodedFault(got.payload, peer);
    throw fault.code === 'ARFUSE_AUTHENTICATION'
      ? secretRefused(peer, 'different')
      : errorOf(fault);
  }
  throw refusedKind(peer, got.kind, expected);
}

function wrongMember(
  hello: Hello,
  link: SocketLink,
  { size, settings, claim }: AdmissionRules,
): RendezvousError | undefined {
  const { rank } = hello;
  const { peer } = link;
  const fail = (
    message: string,
    hint: string,
    details: Readonly<Record<string, unknown>>,
  ): RendezvousError =>
    new RendezvousError({ message: `${message}.`, hint, details: { rank, peer, ...details } });
  if (hello.size !== size) {
    return fail(
      `${peer} has a group of ${hello.size} ranks (WORLD_SIZE), rank 0 one of ${size}`,
      'Start all ranks with the same WORLD_SIZE, and other groups with another ARFUSE_PORT.',
      { field: 'size', found: hello.size, expected: size },
    );
  }
  if (rank >= size) {
    return fail(
      `${peer} is out of range: ranks count from 0 to ${size - 1}`,
      'Correct RANK where that process is started.',
      { field: 'rank', found: rank, expected: `0 … ${size - 1}` },
    );
  }
  for (const option of ['maxMessageBytes', 'deadAfterMs'] as const) {
    if (hello[option] === settings[option]) continue;
    return fail(
      `${peer} has ${option} ${hello[option]}, rank 0 has ${settings[option]}`,
      'Give all ranks the same options.',
      { field: option, found: hello[option], expected: settings[option] },
    );
  }
  const other = claim(rank, link);
  if (other !== undefined) {
    return fail(
      `${peer} comes second: rank ${rank} is ${other}`,
      'Give every process its own RANK, and other groups another ARFUSE_PORT.',
      { field: 'rank', found: rank, takenBy: other },
    );
  }
  return undefined;
}
