import { type ChildProcess, spawn } from 'node:child_process';

/** What became of a program. */
export interface LimitedRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly output: string;
  readonly stderr: string;
  /** It could not be started. */
  readonly error?: Error;
}

/** Most characters that are kept of one stream. */
const MOST_OUTPUT = 1_000_000;

/** How long a process that was killed may take to end: one that waits inside a driver may not end at all. */
const LAST_MS = 500;

/**
 * Runs a program for so long at most. It never throws and never waits longer: a program that even SIGKILL does not end is left
 * behind.
 * @param fd - the descriptor on which the program says what counts
 */
export function runLimited(
  program: string,
  args: readonly string[],
  given: {
    readonly timeoutMs: number;
    readonly fd: 1 | 3;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<LimitedRun> {
  const { timeoutMs, fd, env } = given;
  return new Promise((resolve) => {
    let [output, stderr, timedOut] = ['', '', false];
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        env,
        stdio: fd === 1 ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      resolve({ exitCode: null, signal: null, timedOut, output, stderr, error: error as Error });
      return;
    }
    const end = (of: Pick<LimitedRun, 'exitCode' | 'signal' | 'error'>): void => {
      clearTimeout(timer);
      clearTimeout(last);
      for (const stream of child.stdio) stream?.destroy();
      child.unref();
      resolve({ ...of, timedOut, output, stderr });
    };
    let last: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
      last = setTimeout(() => end({ exitCode: null, signal: null }), LAST_MS);
    }, timeoutMs);
    child.stdio[fd]?.on('data', (chunk: Buffer) => {
      if (output.length < MOST_OUTPUT) output += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-MOST_OUTPUT);
    });
    child.once('error', (error) => end({ exitCode: null, signal: null, error }));
    child.once('close', (exitCode, signal) => end({ exitCode, signal }));
  });
}
