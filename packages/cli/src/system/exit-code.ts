/** What the process tells its caller. A process that Ctrl-C ends at once is reported as 130 by shells, too. */
export const EXIT = {
  fine: 0,
  /** A check that the user asked for failed. */
  checkFailed: 1,
  /** Bad usage or bad input. */
  badInput: 2,
  /** There is no GPU to run on: no device, driver, addon or package of it. */
  noGpu: 3,
  /** The user ended it by Ctrl-C. */
  interrupted: 130,
} as const;
