import type { TextOutput } from './streams.ts';

const AFTER_MS = 1000;
const EVERY_MS = 120;

/**
 * Runs in a thread: reading, planning and verifying keep the main one busy, so that no timer of it would ever fire.
 * Frames go straight to file descriptor 2, as a thread's own streams are written by the main one.
 */
function ticker(): void {
  const { workerData, parentPort } = process.getBuiltinModule('node:worker_threads');
  const { writeSync } = process.getBuiltinModule('node:fs');
  const { label, after, every } = workerData as { label: string; after: number; every: number };
  const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
  let frame = 0;
  let timer = setTimeout(function tick() {
    writeSync(2, `\r\x1b[2K${frames[frame % frames.length]} ${label}`);
    frame += 1;
    timer = setTimeout(tick, every);
  }, after);
  parentPort?.once('message', () => {
    clearTimeout(timer);
    if (frame > 0) writeSync(2, '\r\x1b[2K');
  });
}

/**
 * Shows on the terminal what is being done once it has taken a second. Logs and pipes are left alone.
 * @returns ends it and clears the line
 */
export async function showProgress(
  label: string,
  stderr: TextOutput,
): Promise<() => Promise<void>> {
  if (stderr.isTTY !== true || stderr !== process.stderr) return async () => undefined;
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(`(${ticker})()`, {
    eval: true,
    workerData: { label, after: AFTER_MS, every: EVERY_MS },
  });
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return async () => {
    worker.postMessage('stop');
    await ended;
  };
}
