import { ProtocolError } from '@arfuse/contract';

/** Version of everything that is sent; raised when any message changes. */
export const PROTOCOL_VERSION = 2;

/** First bytes of every message. */
export const MAGIC = Buffer.from('ARFU', 'latin1');

/** Bytes of a header: magic 4, version 2, kind 1, flags 1, sequence 6, zero 2, length 4; big-endian. */
export const HEADER_BYTES = 20;

/** Bytes of the HMAC-SHA256 that ends an authenticated message. */
export const MAC_BYTES = 32;

/** Kinds of messages. Numbers are part of the protocol. */
export const KIND = {
  hello: 1,
  challenge: 2,
  proof: 3,
  accepted: 4,
  refused: 5,
  roster: 6,
  ready: 7,
  heartbeat: 8,
  contribution: 9,
  gathered: 10,
  failed: 11,
  lost: 12,
  left: 13,
  notice: 14,
} as const;

/** One kind of message. */
export type Kind = (typeof KIND)[keyof typeof KIND];

/** What a message is called in errors. */
export function nameOfKind(kind: number): string {
  return Object.entries(KIND).find(([, number]) => number === kind)?.[0] ?? `unknown kind ${kind}`;
}

/** Header of one message. */
export interface FrameHeader {
  readonly kind: Kind;
  /** Whether an HMAC follows the payload. */
  readonly authenticated: boolean;
  /** Counts the messages of one direction of one connection, from 0. */
  readonly sequence: number;
  /** Bytes of the payload, without the HMAC. */
  readonly length: number;
}

const AUTHENTICATED = 1;

/** Writes a header. */
export function encodeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16BE(PROTOCOL_VERSION, 4);
  bytes[6] = header.kind;
  bytes[7] = header.authenticated ? AUTHENTICATED : 0;
  bytes.writeUIntBE(header.sequence, 8, 6);
  bytes.writeUInt32BE(header.length, 16);
  return bytes;
}

/** What a reader requires of the next header. */
export interface HeaderExpectation {
  /** Who sends, for errors. */
  readonly peer: string;
  readonly sequence: number;
  /** Most bytes of a payload. */
  readonly maxBytes: number;
}

/** The refusal of bytes, naming the peer and what was expected of it. */
export function refusedBytes(
  peer: string,
  found: string,
  expected: string,
  hint: string,
): ProtocolError {
  return new ProtocolError({
    message: `${peer} sent ${found}; expected was ${expected}.`,
    hint,
    details: { peer, found, expected },
  });
}

/** The refusal of a message that is none of the kinds that may come now. */
export function refusedKind(peer: string, kind: number, expected: string): ProtocolError {
  return refusedBytes(peer, `a message "${nameOfKind(kind)}"`, expected, SAME_RELEASE);
}

const OTHER_PROGRAM =
  'Another program seems to speak there: check MASTER_ADDR, and set ARFUSE_PORT to a free port, the same for all ranks.';
/** What to do about a message that no rank of this release sends. */
export const SAME_RELEASE = 'Install the same release of @arfuse/runtime for all ranks.';
const DAMAGED = 'The connection was damaged or tampered with: restart the group.';

/** Refuses the beginning of a message as soon as it cannot become the magic. */
export function checkMagic(beginning: Buffer, peer: string): void {
  const length = Math.min(beginning.length, MAGIC.length);
  if (beginning.subarray(0, length).equals(MAGIC.subarray(0, length))) return;
  throw refusedBytes(
    peer,
    `bytes that begin with 0x${beginning.subarray(0, 8).toString('hex')}`,
    `a message of @arfuse/runtime, which begins with 0x${MAGIC.toString('hex')}`,
    OTHER_PROGRAM,
  );
}

/**
 * Reads a header of {@link HEADER_BYTES} bytes.
 * @throws ProtocolError
 */
export function decodeHeader(bytes: Buffer, expected: HeaderExpectation): FrameHeader {
  const { peer } = expected;
  checkMagic(bytes, peer);
  const version = bytes.readUInt16BE(4);
  if (version !== PROTOCOL_VERSION) {
    throw refusedBytes(
      peer,
      `protocol version ${version}`,
      `version ${PROTOCOL_VERSION}`,
      SAME_RELEASE,
    );
  }
  const kind = bytes[6]!;
  if (!Object.values<number>(KIND).includes(kind)) {
    throw refusedBytes(peer, `a message of ${nameOfKind(kind)}`, 'a known kind', SAME_RELEASE);
  }
  const flags = bytes[7]!;
  const reserved = bytes.readUInt16BE(14);
  if (flags > AUTHENTICATED || reserved !== 0) {
    throw refusedBytes(
      peer,
      `flags ${flags} and reserved bytes ${reserved}`,
      'flags 0 or 1 and zeros',
      DAMAGED,
    );
  }
  const sequence = bytes.readUIntBE(8, 6);
  if (sequence !== expected.sequence) {
    throw refusedBytes(
      peer,
      `message number ${sequence}`,
      `message number ${expected.sequence}`,
      DAMAGED,
    );
  }
  const length = bytes.readUInt32BE(16);
  if (length > expected.maxBytes) {
    throw refusedBytes(
      peer,
      `a message of ${length} bytes`,
      `at most ${expected.maxBytes} bytes`,
      'Raise the option maxMessageBytes, to the same for all ranks, if such messages are wanted.',
    );
  }
  return { kind: kind as Kind, authenticated: flags === AUTHENTICATED, sequence, length };
}
