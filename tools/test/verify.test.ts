import { describe, expect, it } from 'vitest';
import { undocumentedExports } from '../src/api.mjs';
import { countLine, readCounts } from '../src/lib/checks.mjs';
import { STEPS } from '../src/verify/steps.mjs';
import { readVitestReport } from '../src/verify/vitest-report.mjs';

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
    );
    expect(result).toMatchObject({ passed: 1, failed: 2, skipped: 1 });
    expect(result.details).toContain('packages/a/test/a.test.ts > two\nexpected 1');
    expect(result.details).toContain('b.test.ts: no such module');
    expect(result.reasons).toEqual(['1 of packages/a/test/a.test.ts']);
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
