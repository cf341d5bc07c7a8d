/**
 * Ends the process when it still runs after so many minutes: a kernel that spins keeps nothing else from ending it.
 *
 * @param {number} minutes
 */
export function watchdog(minutes) {
  const timer = setTimeout(() => {
    console.error(`still running after ${minutes} minutes; ended.`);
    process.exit(4);
  }, minutes * 60_000);
  timer.unref();
}

/** Says whether so many minutes have gone by since now. @param {number} minutes */
export function timeLimit(minutes) {
  const end = performance.now() + minutes * 60_000;
  return () => performance.now() > end;
}
