import { DeadlineError } from '@arfuse/contract';
import { ranksText } from '../group/faults.ts';

/** Where a rank stands when an operation has passed its deadline. */
export interface RankStatus {
  /** Collectives that it has enqueued. */
  readonly enqueued: number;
  /** What its stream waits in; absent when it waits for nothing. */
  readonly stuck?: {
    /** Collectives that it had enqueued before. */
    readonly start: number;
    readonly what: string;
    readonly tokens: number;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

/** Statuses are messages of one size, so that the group can compare them. */
const STATUS_BYTES = 1024;

/** Writes a status; a list of sites that is too long is left out. */
export function encodeStatus(status: RankStatus): Uint8Array {
  const bytes = Buffer.alloc(STATUS_BYTES, ' ');
  const text = Buffer.from(JSON.stringify(status));
  const { stuck } = status;
  if (text.length <= STATUS_BYTES || !stuck) text.copy(bytes);
  else bytes.write(JSON.stringify({ ...status, stuck: { ...stuck, details: {} } }));
  return bytes;
}

/** Reads a status of {@link encodeStatus}. */
export function decodeStatus(bytes: Uint8Array): RankStatus {
  return JSON.parse(Buffer.from(bytes).toString()) as RankStatus;
}

const HINT =
  'See what the missing ranks wait for, or raise deadlineMs. What was enqueued since the last step() or sync() is void at every rank; repeat it.';

/** The error that every rank reports, from what all said. Equal statuses give equal errors. */
export function stuckError(statuses: readonly RankStatus[], deadlineMs: number): DeadlineError {
  const waiting = statuses.flatMap(({ stuck }) => (stuck ? [stuck] : []));
  const first = waiting.toSorted((a, b) => a.start - b.start)[0];
  const ranks = [...statuses.keys()];
  if (!first) {
    return new DeadlineError({
      message: `an operation was not complete after ${deadlineMs / 1000} s, and then it was.`,
      hint: 'The device is slower than the deadline: raise deadlineMs.',
      details: { timeoutMs: deadlineMs, arrived: ranks, missing: [] },
    });
  }
  const arrived = ranks.filter((rank) => statuses[rank]!.enqueued > first.start);
  const missing = ranks.filter((rank) => statuses[rank]!.enqueued <= first.start);
  const who =
    missing.length > 0
      ? `${ranksText(arrived)} ${arrived.length > 1 ? 'have' : 'has'} launched it, ${ranksText(missing)} ${missing.length > 1 ? 'have' : 'has'} not`
      : 'all ranks have launched it';
  return new DeadlineError({
    message: `${first.what} at ${first.tokens} ${first.tokens === 1 ? 'token' : 'tokens'} was not complete after ${deadlineMs / 1000} s: ${who}.`,
    hint: HINT,
    details: { ...first.details, tokens: first.tokens, timeoutMs: deadlineMs, arrived, missing },
  });
}
