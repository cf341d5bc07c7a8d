import { DeadlineError } from '@arfuse/contract';
import { ranksText } from '../group/faults.ts';
import { decodeText, encodeText } from './padded-text.ts';

/** Something that a rank has launched: a site, or a captured step. */
export interface Launched {
  /** Collectives that the rank had enqueued before it. */
  readonly start: number;
  /** Equal for equal launches at all ranks. */
  readonly sameness: number;
}

/** Where a rank stands when an operation has passed its deadline. */
export interface RankStatus {
  /** Collectives that it has enqueued. */
  readonly enqueued: number;
  /** What its stream may not have passed, in order. */
  readonly pending: readonly Launched[];
}

/** What a launch is called. */
export interface LaunchName {
  readonly what: string;
  readonly tokens: number;
  readonly details: Readonly<Record<string, unknown>>;
  /** Ranks that the kernels of the rank wait for, where all have launched and the kernels can tell. */
  readonly awaited?: readonly number[];
}

/** Statuses are messages of one size, as the group needs them; what is launched later is left out. */
const MOST_LAUNCHED = 256;
const HEAD_BYTES = 12;
const LAUNCHED_BYTES = 12;

/** Writes a status. */
export function encodeStatus({ enqueued, pending }: RankStatus): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + MOST_LAUNCHED * LAUNCHED_BYTES);
  const listed = pending.slice(0, MOST_LAUNCHED);
  bytes.writeDoubleBE(enqueued, 0);
  bytes.writeUInt32BE(listed.length, 8);
  for (const [index, { start, sameness }] of listed.entries()) {
    bytes.writeDoubleBE(start, HEAD_BYTES + index * LAUNCHED_BYTES);
    bytes.writeUInt32BE(sameness, HEAD_BYTES + index * LAUNCHED_BYTES + 8);
  }
  return bytes;
}

/** Reads a status of {@link encodeStatus}. */
export function decodeStatus(message: Uint8Array): RankStatus {
  const bytes = Buffer.from(message);
  return {
    enqueued: bytes.readDoubleBE(0),
    pending: Array.from({ length: bytes.readUInt32BE(8) }, (_, index) => ({
      start: bytes.readDoubleBE(HEAD_BYTES + index * LAUNCHED_BYTES),
      sameness: bytes.readUInt32BE(HEAD_BYTES + index * LAUNCHED_BYTES + 8),
    })),
  };
}

const NAME_BYTES = 1024;

/** Writes a name; a list of sites that is too long is left out. */
export function encodeName(name: LaunchName | undefined): Uint8Array {
  const text = name ? JSON.stringify(name) : '';
  if (!name || Buffer.byteLength(text) <= NAME_BYTES) return encodeText(text, NAME_BYTES);
  const short = { ...name, what: name.what.slice(0, 240), details: {} };
  return encodeText(JSON.stringify(short), NAME_BYTES);
}

/** Reads a name of {@link encodeName}. */
export function decodeName(bytes: Uint8Array): LaunchName | undefined {
  const text = decodeText(bytes);
  return text === '' ? undefined : (JSON.parse(text) as LaunchName);
}

/** Where the ranks are stuck. */
export interface Standstill {
  /** Collectives before the launch in question. */
  readonly start: number;
  /** Ranks that have launched it, and those that have not. */
  readonly arrived: readonly number[];
  readonly missing: readonly number[];
  /** Whether ranks have launched different things there. */
  readonly differs: boolean;
  /** Launches after it that may be the one instead: all ranks have launched them too. */
  readonly orLater: number;
}

/**
 * Where the ranks are stuck. A collective that every rank has launched ends, so it is the first that some have not; else the
 * first in which they differ; else the first that may not have ended.
 * @returns undefined when nothing is on its way
 */
export function standstill(statuses: readonly RankStatus[]): Standstill | undefined {
  const ranks = [...statuses.keys()];
  const least = Math.min(...statuses.map(({ enqueued }) => enqueued));
  const begun = Math.max(...statuses.map(({ enqueued, pending }) => pending[0]?.start ?? enqueued));
  const reach = Math.min(
    ...statuses.map(({ pending }) => pending[MOST_LAUNCHED - 1]?.start ?? Number.POSITIVE_INFINITY),
  );
  const starts = statuses.flatMap(({ pending }) => pending.map(({ start }) => start));
  const common = [...new Set(starts)]
    .filter((start) => start >= begun && start < least && start <= reach)
    .sort((a, b) => a - b);
  const at = (start: number) =>
    statuses.map(({ pending }) => pending.find((launched) => launched.start === start)?.sameness);
  const whole = { arrived: ranks, missing: [], differs: false, orLater: 0 };
  const different = common.find((start) => new Set(at(start)).size > 1);
  if (different !== undefined) return { ...whole, start: different, differs: true };
  const arrived = ranks.filter((rank) => statuses[rank]!.enqueued > least);
  if (arrived.length > 0) {
    const missing = ranks.filter((rank) => !arrived.includes(rank));
    return { ...whole, start: least, arrived, missing };
  }
  const [first] = common;
  return first === undefined ? undefined : { ...whole, start: first, orLater: common.length - 1 };
}

const HINT =
  'See what the missing ranks wait for, or raise deadlineMs. What was enqueued since the last step() or sync() is void at every rank; repeat it.';
const DIFFERENT_HINT =
  'All ranks must launch the same sites for the same tokens in the same order. What was enqueued since the last step() or sync() is void at every rank.';

const tokensText = (tokens: number): string => `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`;
const have = (ranks: readonly number[]): string => (ranks.length > 1 ? 'have' : 'has');
const nameText = ({ what, tokens }: LaunchName): string => `${what} at ${tokensText(tokens)}`;

/** Who launched what where ranks differ. */
function differences(names: readonly (LaunchName | undefined)[]): string {
  const by = new Map<string, number[]>();
  for (const [rank, name] of names.entries()) {
    const text = name ? nameText(name) : 'something else';
    by.set(text, [...(by.get(text) ?? []), rank]);
  }
  return [...by]
    .map(([text, ranks]) => `${ranksText(ranks)} ${have(ranks)} launched ${text}`)
    .join(', ');
}

/** Who waits for whom in what all have launched. */
function waiting(names: readonly (LaunchName | undefined)[]): string {
  return [...names.entries()]
    .flatMap(([rank, name]) =>
      name?.awaited ? [`; rank ${rank} waits for ${ranksText(name.awaited)}`] : [],
    )
    .join('');
}

/**
 * The error that every rank reports, from what all said. Equal answers give equal errors.
 * @param names - what each rank launched at the standstill
 */
export function stuckError(
  stuck: Standstill | undefined,
  names: readonly (LaunchName | undefined)[],
  deadlineMs: number,
): DeadlineError {
  const after = `after ${deadlineMs / 1000} s`;
  const name = names.find((known) => known !== undefined);
  if (!stuck || !name) {
    return new DeadlineError({
      message: `an operation was not complete ${after}, and then it was.`,
      hint: 'The device is slower than the deadline: raise deadlineMs.',
      details: { timeoutMs: deadlineMs, arrived: [...names.keys()], missing: [] },
    });
  }
  const { arrived, missing, differs, orLater } = stuck;
  const details = { ...name.details, tokens: name.tokens, timeoutMs: deadlineMs, arrived, missing };
  if (differs) {
    return new DeadlineError({
      message: `the ranks do not launch the same, so nothing was complete ${after}: ${differences(names)}.`,
      hint: DIFFERENT_HINT,
      details,
    });
  }
  const or = orLater > 0 ? `, or one of the ${orLater} launches after it,` : '';
  const who =
    missing.length > 0
      ? `${ranksText(arrived)} ${have(arrived)} launched it, ${ranksText(missing)} ${have(missing)} not`
      : `all ranks have launched it${waiting(names)}`;
  return new DeadlineError({
    message: `${nameText(name)}${or} was not complete ${after}: ${who}.`,
    hint: HINT,
    details: orLater > 0 ? { ...details, orLater } : details,
  });
}
