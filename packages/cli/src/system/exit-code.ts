/** What the process tells its caller. A process that Ctrl-C ends is reported as 130 by shells. */
export const EXIT = {
  fine: 0,
  /** A check that the user asked for failed. */
  checkFailed: 1,
  /** Bad usage or bad input. */
  badInput: 2,
} as const;
