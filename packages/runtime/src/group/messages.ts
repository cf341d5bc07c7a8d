import type { ArfuseError } from '@arfuse/contract';
import { decodeFault, encodeFault, type Fault, MAX_FAULT_BYTES } from '../wire/fault.ts';
import { refusedBytes, SAME_RELEASE } from '../wire/frame.ts';

/** Operations of a group. Numbers are part of the protocol. */
export const OPERATION = { exchange: 1, barrier: 2, agree: 3 } as const;

/** One kind of operation. */
export type OperationKind = (typeof OPERATION)[keyof typeof OPERATION];

/** What an operation is called in errors. */
export function nameOfOperation(kind: number): string {
  return (
    Object.entries(OPERATION).find(([, number]) => number === kind)?.[0] ?? `operation ${kind}`
  );
}

/** One rank's part of an operation. */
export interface Contribution {
  /** Ordinal of the channel among the group's, from 0. */
  readonly channel: number;
  /** Counts the operations of a channel, from 0. */
  readonly operation: number;
  readonly kind: number;
  readonly timeoutMs: number;
  readonly data: Uint8Array;
}

/** Bytes of a contribution before its data. */
export const CONTRIBUTION_HEADER = 11;

/** Most bytes that the coordinator takes from a member. */
export function contributionLimit(maxMessageBytes: number): number {
  return Math.max(CONTRIBUTION_HEADER + maxMessageBytes, MAX_FAULT_BYTES);
}

/** Most bytes that a member takes from the coordinator. */
export function gatheredLimit(maxMessageBytes: number, size: number): number {
  return Math.min(
    Math.max(GATHERED_HEADER + size * (5 + maxMessageBytes), 2 * MAX_FAULT_BYTES),
    2 ** 32 - 1,
  );
}

/** Most bytes that may wait for a peer that does not read: two of its largest messages, and small ones. */
export function unsentLimit(messageLimit: number): number {
  return 2 * messageLimit + 256 * 1024;
}

/** Writes a contribution; the data are copied. */
export function encodeContribution(contribution: Contribution): Buffer {
  const { channel, operation, kind, timeoutMs, data } = contribution;
  const bytes = Buffer.allocUnsafe(CONTRIBUTION_HEADER + data.length);
  bytes.writeUInt32BE(operation, 0);
  bytes[4] = kind;
  bytes.writeUInt32BE(timeoutMs, 5);
  bytes.writeUInt16BE(channel, 9);
  bytes.set(data, CONTRIBUTION_HEADER);
  return bytes;
}

/** Reads a contribution. @throws ProtocolError */
export function decodeContribution(payload: Uint8Array, peer: string): Contribution {
  const bytes = viewOf(payload);
  if (bytes.length < CONTRIBUTION_HEADER) throw tooShort(peer, 'contribution', bytes.length);
  return {
    channel: bytes.readUInt16BE(9),
    operation: bytes.readUInt32BE(0),
    kind: bytes[4]!,
    timeoutMs: bytes.readUInt32BE(5),
    data: bytes.subarray(CONTRIBUTION_HEADER),
  };
}

/** What one rank gave to an operation. */
export type Part = Pick<Contribution, 'kind' | 'data'>;

/** One operation of a group: which of which channel. */
export interface OperationId {
  readonly channel: number;
  readonly operation: number;
}

const GATHERED_HEADER = 10;

/** Writes what all ranks gave to an operation. */
export function encodeGathered(
  { channel, operation }: OperationId,
  parts: readonly Part[],
): Buffer {
  const head = Buffer.allocUnsafe(GATHERED_HEADER + parts.length * 5);
  head.writeUInt32BE(operation, 0);
  head.writeUInt32BE(parts.length, 4);
  head.writeUInt16BE(channel, 8);
  for (const [rank, { kind, data }] of parts.entries()) {
    head[GATHERED_HEADER + rank * 5] = kind;
    head.writeUInt32BE(data.length, GATHERED_HEADER + 1 + rank * 5);
  }
  return Buffer.concat([head, ...parts.map(({ data }) => data)]);
}

/** Reads what all ranks gave; the data are copies. @throws ProtocolError */
export function decodeGathered(
  payload: Uint8Array,
  size: number,
  peer: string,
): OperationId & { parts: Part[] } {
  const bytes = viewOf(payload);
  const headLength = GATHERED_HEADER + size * 5;
  if (bytes.length < headLength) throw tooShort(peer, 'gathered', bytes.length);
  const count = bytes.readUInt32BE(4);
  if (count !== size) {
    throw refusedBytes(peer, `what ${count} ranks gave`, `what ${size} ranks gave`, SAME_RELEASE);
  }
  const parts: Part[] = [];
  let at = headLength;
  for (let rank = 0; rank < size; rank += 1) {
    const end = at + bytes.readUInt32BE(GATHERED_HEADER + 1 + rank * 5);
    if (end > bytes.length) throw tooShort(peer, 'gathered', bytes.length);
    parts.push({
      kind: bytes[GATHERED_HEADER + rank * 5]!,
      data: new Uint8Array(bytes.subarray(at, end)),
    });
    at = end;
  }
  return { channel: bytes.readUInt16BE(8), operation: bytes.readUInt32BE(0), parts };
}

/** Writes the failure of an operation. */
export function encodeFailed({ channel, operation }: OperationId, fault: Fault): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(channel, 0);
  return Buffer.concat([head, encodeNumbered(operation, fault)]);
}

/** Reads the failure of an operation. @throws ProtocolError */
export function decodeFailed(payload: Uint8Array, peer: string): OperationId & { fault: Fault } {
  if (payload.length < 2) throw tooShort(peer, 'failure', payload.length);
  const { number, fault } = decodeNumbered(payload.subarray(2), peer);
  return { channel: viewOf(payload).readUInt16BE(0), operation: number, fault };
}

/** Writes a rank with the fault that belongs to it, or a number with the bytes that do. */
export function encodeNumbered(number: number, fault?: Fault): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(number, 0);
  return fault ? Buffer.concat([head, encodeFault(fault)]) : head;
}

/** Reads a number and the fault that belongs to it. @throws ProtocolError */
export function decodeNumbered(
  payload: Uint8Array,
  peer: string,
): { number: number; fault: Fault } {
  if (payload.length < 4) throw tooShort(peer, 'number', payload.length);
  return {
    number: viewOf(payload).readUInt32BE(0),
    fault: decodedFault(payload.subarray(4), peer),
  };
}

/** Reads a rank. @throws ProtocolError */
export function decodeRank(payload: Uint8Array, size: number, peer: string): number {
  if (payload.length < 4) throw tooShort(peer, 'rank', payload.length);
  const rank = viewOf(payload).readUInt32BE(0);
  if (rank < size) return rank;
  throw refusedBytes(peer, `rank ${rank}`, `a rank below ${size}`, SAME_RELEASE);
}

/** Writes what one rank tells all others, behind its rank. */
export function encodeNotice(rank: number, data: Uint8Array): Buffer {
  return Buffer.concat([encodeNumbered(rank), data]);
}

/** Reads a notice. @throws ProtocolError */
export function decodeNotice(
  payload: Uint8Array,
  size: number,
  peer: string,
): { rank: number; data: Uint8Array } {
  return { rank: decodeRank(payload, size, peer), data: new Uint8Array(payload.subarray(4)) };
}

/** Writes a list of ranks. */
export function encodeRanks(ranks: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * ranks.length);
  for (const [index, rank] of ranks.entries()) bytes.writeUInt32BE(rank, 4 * index);
  return bytes;
}

/** Reads a list of ranks. */
export function decodeRanks(payload: Uint8Array): number[] {
  const bytes = viewOf(payload);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    bytes.readUInt32BE(4 * index),
  );
}

/** Reads a fault. @throws ProtocolError when it is none */
export function decodedFault(payload: Uint8Array, peer: string): Fault {
  const fault = decodeFault(payload);
  if (fault) return fault;
  throw refusedBytes(peer, 'an error that cannot be read', 'an error of the group', SAME_RELEASE);
}

function tooShort(peer: string, what: string, length: number): ArfuseError {
  return refusedBytes(peer, `a ${what} of ${length} bytes`, 'a whole one', SAME_RELEASE);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
