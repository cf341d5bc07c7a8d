import { relative } from 'node:path';

const SHOWN = 40;

/**
 * The fields of the report that are read.
 * @typedef {{ status: string, fullName: string, failureMessages?: readonly string[] }} TestResult
 * @typedef {{ name: string, status: string, message?: string, assertionResults: readonly TestResult[] }} FileResult
 */

/**
 * Counts and failures of vitest's JSON report. A file that cannot be loaded counts as one failure.
 *
 * @param {{ testResults: readonly FileResult[] }} report
 * @param {string} root
 * @returns {import('./steps.mjs').StepResult}
 */
export function readVitestReport(report, root) {
  let passed = 0;
  let failed = 0;
  /** @type {string[]} */
  const failures = [];
  /** @type {Map<string, number>} */
  const skips = new Map();
  for (const file of report.testResults) {
    const name = relative(root, file.name);
    if (
      file.status === 'failed' &&
      file.assertionResults.every((test) => test.status !== 'failed')
    ) {
      failed += 1;
      failures.push(`${name}: ${file.message ?? 'cannot be loaded'}`);
    }
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') {
        failed += 1;
        failures.push(`${name} > ${test.fullName}\n${(test.failureMessages ?? []).join('\n')}`);
      } else skips.set(name, (skips.get(name) ?? 0) + 1);
    }
  }
  const more = failures.length > SHOWN ? [`… and ${failures.length - SHOWN} more failures`] : [];
  return {
    passed,
    failed,
    skipped: [...skips.values()].reduce((sum, count) => sum + count, 0),
    details: [...failures.slice(0, SHOWN), ...more].join('\n\n'),
    reasons: [...skips].map(([name, count]) => `${count} of ${name}`),
  };
}
