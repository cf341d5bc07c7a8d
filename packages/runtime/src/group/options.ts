import { type ArfuseError, UsageError } from '@arfuse/contract';

/** Settings that all groups share. The same for all ranks. */
export interface GroupOptions {
  /**
   * Milliseconds that `exchange`, `barrier` and `agree` wait for the other ranks, unless a call says otherwise.
   * Default: 60,000.
   */
  readonly timeoutMs?: number;
  /** Most bytes that one rank may give to one operation. Default: 1 MiB; at most 64 MiB. */
  readonly maxMessageBytes?: number;
}

/** Settings of a group of processes. The same for all ranks. */
export interface OpenGroupOptions extends GroupOptions {
  /** Where the launcher's variables and `ARFUSE_RENDEZVOUS_SECRET` stand. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds within which all ranks must have come. Default: 60,000. */
  readonly rendezvousTimeoutMs?: number;
  /**
   * Milliseconds of silence after which a rank counts as dead; 200 at least. Ranks send heartbeats from their event
   * loop, so a rank that blocks it for longer is reported as dead. Default: 4,000.
   */
  readonly deadAfterMs?: number;
  /** Called at rank 0 with its port when it listens; of use with `ARFUSE_PORT=0`. */
  readonly onListening?: (port: number) => void;
  /**
   * Called at rank 0 for each connection that it refused: garbage, a wrong secret, a rank twice. The group is not
   * disturbed by them. Default: a process warning with the error's text.
   */
  readonly onRefused?: (error: ArfuseError) => void;
}

/** Settings with their defaults, checked. */
export interface GroupSettings {
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly rendezvousTimeoutMs: number;
  readonly deadAfterMs: number;
}

const MEBIBYTE = 1024 * 1024;
/** Bytes that all ranks together may give to one operation. */
const MOST_GATHERED = 1024 * MEBIBYTE;
/** Timers hold no more. */
export const LONGEST_MS = 2 ** 31 - 1;

function integer(name: string, value: unknown, range: { min: number; max: number }): number {
  if (Number.isInteger(value) && Number(value) >= range.min && Number(value) <= range.max) {
    return Number(value);
  }
  throw new UsageError({
    message: `${name} is ${JSON.stringify(value) ?? String(value)}, which is no integer from ${range.min} to ${range.max}.`,
    details: { option: name, value, ...range },
  });
}

/**
 * A timeout in milliseconds.
 * @throws UsageError
 */
export function checkTimeout(name: string, value: unknown): number {
  return integer(name, value, { min: 1, max: LONGEST_MS });
}

/**
 * Checks options and adds the defaults.
 * @throws UsageError
 */
export function groupSettings(options: OpenGroupOptions, size: number): GroupSettings {
  const settings = defaulted(options);
  const gathered = settings.maxMessageBytes * size;
  if (gathered <= MOST_GATHERED) return settings;
  throw new UsageError({
    message: `maxMessageBytes is ${settings.maxMessageBytes}, which makes ${gathered} bytes with ${size} ranks; the most is ${MOST_GATHERED}.`,
    hint: `Set maxMessageBytes to ${Math.floor(MOST_GATHERED / size)} at most.`,
    details: { option: 'maxMessageBytes', value: settings.maxMessageBytes, size },
  });
}

function defaulted(options: OpenGroupOptions): GroupSettings {
  return {
    timeoutMs: checkTimeout('timeoutMs', options.timeoutMs ?? 60_000),
    maxMessageBytes: integer('maxMessageBytes', options.maxMessageBytes ?? MEBIBYTE, {
      min: 1,
      max: 64 * MEBIBYTE,
    }),
    rendezvousTimeoutMs: checkTimeout('rendezvousTimeoutMs', options.rendezvousTimeoutMs ?? 60_000),
    deadAfterMs: integer('deadAfterMs', options.deadAfterMs ?? 4000, {
      min: 200,
      max: LONGEST_MS,
    }),
  };
}
