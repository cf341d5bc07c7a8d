import { constants } from 'node:os';

/** How long what runs may take to close. A kernel that waits for another rank is released within its deadline. */
const GRACE_MS = 15_000;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Does something that Ctrl-C ends cleanly: devices and groups are closed, so that the other ranks learn of it at once. A second
 * Ctrl-C, or a close that takes too long, ends the process as it is.
 * @param work - gets a signal whose reason it throws when it has stopped
 * @returns what it returns, or 130 (143 for a termination)
 */
export async function interruptible(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  let code: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const exitCode = 128 + constants.signals[signal];
    if (code !== undefined) process.exit(code);
    code = exitCode;
    controller.abort(new Error(`ended by ${signal}`));
    timer = setTimeout(() => process.exit(exitCode), GRACE_MS);
    timer.unref();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    const result = await work(controller.signal);
    return code ?? result;
  } catch (error) {
    // What fails while it is being stopped is a consequence.
    if (code !== undefined) return code;
    throw error;
  } finally {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
