/**
 * Result of one named check. No problems means that it passed.
 * @typedef {{ name: string, problems: string[], skipped?: string }} Check
 */

/** Whether everything must be proven: a skip is a failure then. */
export const mustProve = () => process.env.CI === 'true';

/**
 * A check that this machine cannot make: skipped with its reason.
 *
 * @param {string} name
 * @param {string} reason
 * @returns {Check}
 */
export function unproven(name, reason) {
  return { name, problems: [], skipped: reason };
}

/**
 * A check as CI judges it.
 *
 * @param {Check} check
 * @returns {Check}
 */
function proven({ name, problems, skipped }) {
  if (skipped === undefined || !mustProve())
    return { name, problems, ...(skipped === undefined ? {} : { skipped }) };
  return { name, problems: [...problems, `${name}: skipped, which fails in CI: ${skipped}.`] };
}

/**
 * Prints every problem, then one line of counts that `verify` reads, and sets the exit code.
 *
 * @param {readonly Check[]} given
 */
export function printChecks(given) {
  const checks = given.map(proven);
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
