import { afterEach, describe, expect, it, vi } from 'vitest';
import { undocumentedExports } from '../src/api.mjs';
import { countLine, printChecks, readCounts, unproven } from '../src/lib/checks.mjs';
import { STEPS } from '../src/verify/steps.mjs';
import { readVitestReport } from '../src/verify/vitest-report.mjs';
import { withoutSkips } from '../src/verify/without-skips.mjs';

describe('count lines', () => {
  it('name the skipped only when there are some', () => {
    expect(countLine(3, 0, 0)).toBe('3 passed, 0 failed');
    expect(countLine(3, 1, 2)).toBe('3 passed, 1 failed, 2 skipped');
  });

  it('are read back, the last one of an output', () => {
    expect(readCounts('1 passed, 9 failed\nx\n12 passed, 0 failed, 4 skipped\n')).toEqual({
      passed: 12,
      failed: 0,
      skipped: 4,
    });
    expect(readCounts('all 3 passed, 0 failed')).toBeUndefined();
  });
});

describe('verify', () => {
  it('runs a step after the steps that it needs', () => {
    STEPS.forEach((step, index) => {
      const before = STEPS.slice(0, index).map((earlier) => earlier.id);
      expect(before).toEqual(expect.arrayContaining([...step.needs]));
    });
  });

  it('counts tests, and a file that cannot be loaded as a failure', () => {
    const result = readVitestReport(
      {
        testResults: [
          {
            name: '/r/packages/a/test/a.test.ts',
            status: 'failed',
            assertionResults: [
              { status: 'passed', fullName: 'one' },
              { status: 'failed', fullName: 'two', failureMessages: ['expected 1'] },
              { status: 'pending', fullName: 'three' },
            ],
          },
          {
            name: '/r/b.test.ts',
            status: 'failed',
            message: 'no such module',
            assertionResults: [],
          },
        ],
      },
      '/r',
      false,
    );
    expect(result).toMatchObject({ passed: 1, failed: 2, skipped: 1 });
    expect(result.details).toContain('packages/a/test/a.test.ts > two\nexpected 1');
    expect(result.details).toContain('b.test.ts: no such module');
    expect(result.reasons).toEqual(['1 of packages/a/test/a.test.ts: three']);
  });
});

describe('what is skipped', () => {
  const report = {
    testResults: [
      {
        name: '/r/a.test.ts',
        status: 'passed',
        assertionResults: [
          { status: 'passed', fullName: 'one' },
          { status: 'skipped', fullName: 'needs a compiler' },
          { status: 'pending', fullName: 'reads a log (skipped: no third-party captures at /x)' },
        ],
      },
    ],
  };

  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  it('is named, and third-party captures are noted unless they were promised', () => {
    expect(readVitestReport(report, '/r', false)).toMatchObject({
      skipped: 1,
      reasons: ['1 of a.test.ts: needs a compiler'],
      notes: [expect.stringMatching(/^1 tests of third-party captures are left out/)],
    });
    expect(readVitestReport(report, '/r', true)).toMatchObject({ skipped: 2, notes: [] });
  });

  it('fails a step of CI, by name', () => {
    const result = withoutSkips(readVitestReport(report, '/r', false));
    expect(result).toMatchObject({ passed: 1, failed: 1, skipped: 0, reasons: [] });
    expect(result.details).toBe('skipped, which fails in CI:\n  1 of a.test.ts: needs a compiler');
    const fine = { passed: 3, failed: 0, skipped: 0, details: '', reasons: [] };
    expect(withoutSkips(fine)).toBe(fine);
    const unnamed = withoutSkips({ ...fine, failed: 1, skipped: 2, details: 'a failure\n' });
    expect(unnamed).toMatchObject({
      failed: 3,
      details: expect.stringContaining('2 without a name'),
    });
    expect(unnamed.details).toMatch(/^a failure\n/);
  });

  it.each([
    ['true', 'a: skipped, which fails in CI: no compiler.\n1 passed, 1 failed', 1],
    ['', 'skipped: a: no compiler\n1 passed, 0 failed, 1 skipped', undefined],
  ])('fails a program of checks where CI is "%s"', (ci, printed, code) => {
    vi.stubEnv('CI', ci);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    printChecks([unproven('a', 'no compiler'), { name: 'b', problems: [] }]);
    expect(log.mock.calls.join('\n')).toBe(printed);
    expect(process.exitCode).toBe(code);
  });
});

describe('API reports', () => {
  it('name the exports without a doc comment, not their members', () => {
    const report = [
      '// @public',
      'export interface Good {',
      '    // (undocumented)',
      '    readonly a: number;',
      '}',
      '',
      '// @public (undocumented)',
      'export const bad: number;',
      '',
      '// Warning: (ae-forgotten-export) The symbol "X" needs to be exported',
      '//',
      '// @public (undocumented)',
      'export abstract class Worse extends X {',
    ].join('\n');
    expect(undocumentedExports(report)).toEqual(['bad', 'Worse']);
  });
});
