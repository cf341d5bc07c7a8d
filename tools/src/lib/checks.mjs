/**
 * Result of one named check. No problems means that it passed.
 * @typedef {{ name: string, problems: string[], skipped?: string }} Check
 */

/**
 * A check that this machine cannot make: skipped with its reason, and a failure where everything must be proven (CI).
 *
 * @param {string} name
 * @param {string} reason
 * @returns {Check}
 */
export function unlessProven(name, reason) {
  return process.env.CI === 'true'
    ? { name, problems: [`${name}: ${reason}.`] }
    : { name, problems: [], skipped: reason };
}

/**
 * Prints every problem, then one line of counts that `verify` reads, and sets the exit code.
 *
 * @param {Check[]} checks
 */
export function printChecks(checks) {
  const failed = checks.filter((check) => check.problems.length > 0);
  const skipped = checks.filter((check) => check.skipped !== undefined);
  for (const check of failed) for (const problem of check.problems) console.log(problem);
  for (const check of skipped) console.log(`skipped: ${check.name}: ${check.skipped}`);
  console.log(
    countLine(checks.length - failed.length - skipped.length, failed.length, skipped.length),
  );
  if (failed.length > 0) process.exitCode = 1;
}

/**
 * @param {number} passed
 * @param {number} failed
 * @param {number} skipped
 */
export function countLine(passed, failed, skipped) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * The last count line of a program's output.
 *
 * @param {string} output
 * @returns {{ passed: number, failed: number, skipped: number } | undefined}
 */
export function readCounts(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].pop();
  if (!last) return undefined;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}
