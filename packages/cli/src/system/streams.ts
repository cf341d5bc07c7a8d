/** Where text goes: `process.stdout`, `process.stderr`, or a collector of an embedding program. */
export interface TextOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Where bytes come from: `process.stdin`, or any stream of an embedding program. */
export type TextInput = AsyncIterable<Uint8Array>;

/** What a command sees of its process. */
export interface Streams {
  readonly stdin: TextInput;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The streams of this process, with those that are given instead. */
export function processStreams(given: Partial<Streams>): Streams {
  return {
    stdin: given.stdin ?? process.stdin,
    stdout: given.stdout ?? process.stdout,
    stderr: given.stderr ?? process.stderr,
    env: given.env ?? process.env,
  };
}
