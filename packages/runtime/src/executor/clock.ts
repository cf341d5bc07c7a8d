import { setImmediate, setTimeout } from 'node:timers/promises';

/** Time for waiting; tests give their own. */
export interface Clock {
  /** Milliseconds from an arbitrary start. */
  now(): number;
  /** Settles after so many milliseconds; 0 lets other work run first. */
  sleep(ms: number): Promise<void>;
}

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => (ms === 0 ? setImmediate() : setTimeout(ms)),
};

/** A stream that is looked at without a pause for so long, since most steps take less; later ever more rarely. */
const BUSY_MS = 2;
const LONGEST_PAUSE_MS = 5;

/**
 * Waits until something is so.
 * @returns false when the deadline passed first
 */
export async function until(
  holds: () => boolean,
  clock: Clock,
  deadline: number,
  looksAt: () => void = () => {},
): Promise<boolean> {
  const begun = clock.now();
  for (;;) {
    if (holds()) return true;
    const now = clock.now();
    if (now >= deadline) return false;
    looksAt();
    const waited = now - begun;
    await clock.sleep(waited < BUSY_MS ? 0 : Math.min(LONGEST_PAUSE_MS, waited / 4));
  }
}
