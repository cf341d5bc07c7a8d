import { createColors } from 'picocolors';
import { printJson } from '../output/json.ts';
import { showProgress } from './progress.ts';
import type { Streams, TextInput } from './streams.ts';

type Colors = ReturnType<typeof createColors>;

/** Where a command prints: results on standard output, everything else on standard error. */
export interface Console {
  readonly json: boolean;
  readonly color: Colors;
  readonly stdin: TextInput;
  /** Human output, line break added; nothing with `--json`. */
  line(text?: string): void;
  /** The one document of `--json`; nothing without it. */
  document(value: unknown): void;
  /** The one document of `--json` where its text exists already. */
  documentText(text: string): void;
  /** A remark for people, on standard error. */
  note(text: string): void;
  /** Runs work, showing on standard error what is being done if it takes over a second. */
  progress<T>(label: string, work: () => T | Promise<T>): Promise<T>;
}

function useColor({ env, stdout }: Streams): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return stdout.isTTY === true && env.TERM !== 'dumb';
}

export function createConsole(streams: Streams, options: { readonly json?: boolean }): Console {
  const { stdin, stdout, stderr } = streams;
  const json = options.json ?? false;
  return {
    json,
    stdin,
    color: createColors(!json && useColor(streams)),
    line(text = '') {
      if (!json) stdout.write(`${text}\n`);
    },
    document(value) {
      if (json) stdout.write(printJson(value));
    },
    documentText(text) {
      if (json) stdout.write(text);
    },
    note(text) {
      stderr.write(`${text}\n`);
    },
    async progress(label, work) {
      const stop = await showProgress(label, stderr);
      try {
        return await work();
      } finally {
        await stop();
      }
    },
  };
}
