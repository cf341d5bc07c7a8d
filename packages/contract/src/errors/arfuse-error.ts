const marker = Symbol.for('arfuse.error');

/** Where in a file the offending value stands. Lines and columns count from 1. */
export interface Place {
  /** Path as the user gave it, `<stdin>` for standard input, or a member of an archive (`a.pt2!models/model.json`). */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** RFC 6901 JSON pointer, for JSON input. */
  readonly pointer?: string;
}

/** What an error is made of. */
export interface ArfuseErrorOptions {
  /** One sentence: what is wrong, quoting the offending value. */
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly hint?: string;
  readonly place?: Place;
  /** The offending values by name; kept on the error for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Damaged input may hold names of megabytes; errors quote their beginning and end. */
const LONGEST = { message: 1200, hint: 600, pointer: 200 } as const;

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor(most / 4);
  return `${text.slice(0, most - end - 1)}…${text.slice(-end)}`;
}

/** Prints a place as `file:line:column` or `file#/pointer`; empty when nothing is known. */
export function formatPlace(place: Place | undefined): string {
  if (!place) return '';
  let text = place.file ?? '';
  if (place.line !== undefined) text += `:${place.line}`;
  if (place.line !== undefined && place.column !== undefined) text += `:${place.column}`;
  if (place.pointer !== undefined) text += `#${shortened(place.pointer, LONGEST.pointer)}`;
  return text;
}

/**
 * Base of every error that arfuse throws on purpose. `code` is stable and starts with `ARFUSE_`;
 * `isInstance` also recognises errors that come from another copy of the package.
 */
export abstract class ArfuseError extends Error {
  abstract readonly code: `ARFUSE_${string}`;
  readonly hint: string | undefined;
  readonly place: Place | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [marker] = true;

  constructor(options: ArfuseErrorOptions) {
    const at = formatPlace(options.place);
    const message = shortened(options.message, LONGEST.message);
    const hint = options.hint && shortened(options.hint, LONGEST.hint);
    super(
      `${at ? `${at}: ` : ''}${message}${hint ? ` ${hint}` : ''}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = new.target.name;
    this.hint = hint;
    this.place = options.place;
    this.details = options.details ?? {};
  }

  static isInstance(error: unknown): error is ArfuseError {
    return typeof error === 'object' && error !== null && marker in error;
  }

  /** The error as data, for `--json` output and logs. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint ? { hint: this.hint } : {}),
      ...(this.place ? { place: this.place } : {}),
      ...(Object.keys(this.details).length > 0 ? { details: this.details } : {}),
    };
  }
}
