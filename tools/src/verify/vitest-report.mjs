import { relative } from 'node:path';

const SHOWN = 40;

/** What the names of tests say that read captures of other projects: they are no part of the repository, so nothing of it is skipped. */
const THIRD_PARTY = /third-party captures/;

/**
 * The fields of the report that are read.
 * @typedef {{ status: string, fullName: string, failureMessages?: readonly string[] }} TestResult
 * @typedef {{ name: string, status: string, message?: string, assertionResults: readonly TestResult[] }} FileResult
 */

/**
 * Counts and failures of vitest's JSON report. A file that cannot be loaded counts as one failure. Tests of third-party captures are
 * noted where these are absent, and count as skipped where they were promised.
 *
 * @param {{ testResults: readonly FileResult[] }} report
 * @param {string} root
 * @param {boolean} promised whether there should be third-party captures
 * @returns {import('./steps.mjs').StepResult}
 */
export function readVitestReport(report, root, promised) {
  let passed = 0;
  let failed = 0;
  /** @type {string[]} */
  const failures = [];
  /** @type {Map<string, readonly string[]>} */
  const skips = new Map();
  let thirdParty = 0;
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
      } else if (!promised && THIRD_PARTY.test(test.fullName)) thirdParty += 1;
      else skips.set(name, [...(skips.get(name) ?? []), test.fullName]);
    }
  }
  const more = failures.length > SHOWN ? [`… and ${failures.length - SHOWN} more failures`] : [];
  return {
    passed,
    failed,
    skipped: [...skips.values()].reduce((sum, names) => sum + names.length, 0),
    details: [...failures.slice(0, SHOWN), ...more].join('\n\n'),
    reasons: [...skips].map(([name, tests]) => `${tests.length} of ${name}: ${tests.join('; ')}`),
    notes:
      thirdParty > 0
        ? [
            `${thirdParty} tests of third-party captures are left out: these are no part of the repository, and ARFUSE_SHARED_FIXTURES names no folder of them`,
          ]
        : [],
  };
}
