/** @typedef {import('./steps.mjs').StepResult} StepResult */

/**
 * A step's result where everything must be proven: what it skipped is failed, by name.
 *
 * @param {StepResult} result
 * @returns {StepResult}
 */
export function withoutSkips(result) {
  const { failed, skipped, details, reasons } = result;
  if (skipped === 0) return result;
  const named = reasons.length > 0 ? reasons : [`${skipped} without a name`];
  return {
    ...result,
    failed: failed + skipped,
    skipped: 0,
    details: [details.trimEnd(), 'skipped, which fails in CI:', ...named.map((name) => `  ${name}`)]
      .filter((line) => line !== '')
      .join('\n'),
    reasons: [],
  };
}
