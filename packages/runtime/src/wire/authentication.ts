import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AuthenticationError } from '@arfuse/contract';
import { type Environment, textOf } from '../launcher/variables.ts';

/** Variable that holds the secret which all ranks of a group share. */
export const SECRET_VARIABLE = 'ARFUSE_RENDEZVOUS_SECRET';

/** Bytes of a nonce. */
export const NONCE_BYTES = 32;

/** Side of a connection; proofs and keys of the two differ, so that nothing can be reflected. */
export type Side = 'coordinator' | 'member';

/** What both sides have said before they prove the secret: everything that a proof binds. */
export interface Transcript {
  /** Payloads of hello and challenge, without the proof. */
  readonly hello: Uint8Array;
  readonly challenge: Uint8Array;
}

/** The shared secret; undefined when the variable is not set. */
export function readSecret(env: Environment): string | undefined {
  return textOf(env, SECRET_VARIABLE);
}

/** A fresh nonce. */
export function createNonce(): Buffer {
  return randomBytes(NONCE_BYTES);
}

function hmac(key: string | Uint8Array, label: string, { hello, challenge }: Transcript): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(hello.length, 0);
  lengths.writeUInt32BE(challenge.length, 4);
  return createHmac('sha256', key)
    .update(`arfuse ${label}\0`)
    .update(lengths)
    .update(hello)
    .update(challenge)
    .digest();
}

/** Proof of one side that it knows the secret: 32 bytes that hold for this connection only. */
export function proofOf(secret: string, side: Side, transcript: Transcript): Buffer {
  return hmac(secret, `proof of ${side}`, transcript);
}

/** Whether two proofs or codes are equal, in constant time. */
export function equalBytes(first: Uint8Array, second: Uint8Array): boolean {
  return first.length === second.length && timingSafeEqual(first, second);
}

/** Keys of one connection, one per direction. */
export interface SessionKeys {
  readonly send: Buffer;
  readonly receive: Buffer;
}

/** Derives the keys of a connection whose sides have proved the secret. */
export function sessionKeys(secret: string, side: Side, transcript: Transcript): SessionKeys {
  const coordinator = hmac(secret, 'messages of coordinator', transcript);
  const member = hmac(secret, 'messages of member', transcript);
  return side === 'coordinator'
    ? { send: coordinator, receive: member }
    : { send: member, receive: coordinator };
}

/** Code of a message; the header holds its sequence number. */
export function macOf(key: Buffer, header: Uint8Array, payload: Uint8Array): Buffer {
  return createHmac('sha256', key).update(header).update(payload).digest();
}

/**
 * The refusal of a secret.
 * @param peer - who is refused or refuses
 * @param sides - which of the two has a secret; both when they differ
 */
export function secretRefused(
  peer: string,
  sides: 'only here' | 'only there' | 'different',
): AuthenticationError {
  const what = {
    'only here': `this rank has ${SECRET_VARIABLE} and ${peer} has none`,
    'only there': `${peer} has ${SECRET_VARIABLE} and this rank has none`,
    different: `this rank and ${peer} have different ${SECRET_VARIABLE}`,
  }[sides];
  return new AuthenticationError({
    message: `${what}.`,
    hint: `Set ${SECRET_VARIABLE} to the same text for all ranks, or for none.`,
    details: { peer, variable: SECRET_VARIABLE, secret: sides },
  });
}
