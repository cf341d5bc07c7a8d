import { NONCE_BYTES } from '../wire/authentication.ts';
import { MAX_FAULT_BYTES } from '../wire/fault.ts';
import { refusedBytes, SAME_RELEASE } from '../wire/frame.ts';

/**
 * How a connection begins. With a secret each side proves it over both nonces, coordinator first, so that a member never
 * joins a stranger:
 *
 * 1. member: `hello` (rank, size, limits, nonce, whether it has a secret)
 * 2. coordinator: `challenge` (nonce, whether it has a secret, its proof)
 * 3. member: `proof`; from here on every message carries an HMAC
 * 4. coordinator: `accepted`, then `roster` at each arrival, then `ready`
 *
 * Either may answer `refused` with an error instead.
 */
export interface Hello {
  readonly rank: number;
  readonly size: number;
  readonly maxMessageBytes: number;
  readonly deadAfterMs: number;
  readonly hasSecret: boolean;
  readonly nonce: Uint8Array;
}

/** Most bytes of a message before the group is ready: an error, with its number. */
export const HANDSHAKE_LIMIT = MAX_FAULT_BYTES + 64;

const HELLO_BYTES = 17 + NONCE_BYTES;
const PROOF_BYTES = 32;

/** Writes a hello. */
export function encodeHello(hello: Hello): Buffer {
  const bytes = Buffer.alloc(HELLO_BYTES);
  bytes.writeUInt32BE(hello.rank, 0);
  bytes.writeUInt32BE(hello.size, 4);
  bytes.writeUInt32BE(hello.maxMessageBytes, 8);
  bytes.writeUInt32BE(hello.deadAfterMs, 12);
  bytes[16] = hello.hasSecret ? 1 : 0;
  bytes.set(hello.nonce, 17);
  return bytes;
}

/** Reads a hello. @throws ProtocolError */
export function decodeHello(payload: Uint8Array, peer: string): Hello {
  const bytes = Buffer.from(payload);
  if (bytes.length !== HELLO_BYTES) {
    throw refusedBytes(peer, `a hello of ${bytes.length} bytes`, `${HELLO_BYTES}`, SAME_RELEASE);
  }
  return {
    rank: bytes.readUInt32BE(0),
    size: bytes.readUInt32BE(4),
    maxMessageBytes: bytes.readUInt32BE(8),
    deadAfterMs: bytes.readUInt32BE(12),
    hasSecret: bytes[16] === 1,
    nonce: bytes.subarray(17),
  };
}

/** What the coordinator answers to a hello. */
export interface Challenge {
  readonly hasSecret: boolean;
  readonly nonce: Uint8Array;
}

/** Writes a challenge, without the proof that follows it. */
export function encodeChallenge({ hasSecret, nonce }: Challenge): Buffer {
  return Buffer.concat([Buffer.of(hasSecret ? 1 : 0), nonce]);
}

/** Reads a challenge and its proof, which is empty when a side has no secret. @throws ProtocolError */
export function decodeChallenge(
  payload: Uint8Array,
  peer: string,
): { hasSecret: boolean; challenge: Uint8Array; proof: Uint8Array } {
  const length = 1 + NONCE_BYTES;
  if (payload.length !== length && payload.length !== length + PROOF_BYTES) {
    throw refusedBytes(
      peer,
      `a challenge of ${payload.length} bytes`,
      `${length} or ${length + PROOF_BYTES}`,
      SAME_RELEASE,
    );
  }
  return {
    hasSecret: payload[0] === 1,
    challenge: payload.subarray(0, length),
    proof: payload.subarray(length),
  };
}
