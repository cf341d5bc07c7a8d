import type { Admission, Backend, Kernel } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersect, rangedAdmission } from '../src/candidates/admitted-ranges.ts';
import { launchRuns, launchSpans } from '../src/candidates/launches.ts';
import { firstOf, override, parseTarget, prefer, staticOrder } from '../src/index.ts';
import { kernels, planOf } from './plan-of.ts';

/** A kernel that admits exactly the row counts of a set. */
function kernelFor(holds: (rows: number) => boolean, reason = 'not here.'): Kernel {
  return {
    id: '@acme/odd/kernel',
    title: 'odd',
    collective: true,
    complexity: 2,
    admit: ({ stages, rows }): Admission => {
      if (stages.length !== 1 || stages[0]!.kind !== 'all_reduce')
        return { admitted: false, reasons: ['alone only.'] };
      for (let row = rows.min; row <= rows.max; row += 1) {
        if (!holds(row)) return { admitted: false, reasons: [reason] };
      }
      return { admitted: true };
    },
    offer: () => ({ params: {}, numerics: {} }),
    workspace: () => ({ bytes: 0 }),
  };
}

const odd = (holds: (rows: number) => boolean): Backend => ({
  specificationVersion: 1,
  name: '@acme/odd',
  version: '1.0.0',
  kernels: [kernelFor(holds)],
});

describe('rangedAdmission', () => {
  const runs = launchRuns(
    launchSpans(parseTarget('h200-sxm,world=2,tokens=4000,buckets=1:2:4:8:16')),
  );

  it.each([
    ['everywhere', (): boolean => true, [[1, 4000]]],
    ['nowhere', (): boolean => false, []],
    ['from 3', (rows: number): boolean => rows >= 3, [[3, 4000]]],
    ['up to 999', (rows: number): boolean => rows <= 999, [[1, 999]]],
    ['from 5 to 1234', (rows: number): boolean => rows >= 5 && rows <= 1234, [[5, 1234]]],
  ])('finds a kernel that is admitted %s', (_, holds, expected) => {
    const kernel = kernelFor(holds);
    const request = { stages: [{ kind: 'all_reduce' }] } as unknown as Parameters<
      Kernel['admit']
    >[0];
    const { admitted } = rangedAdmission(runs, (rows, mode) =>
      kernel.admit({ ...request, rows, mode }),
    );
    expect(admitted).toEqual(expected);
  });

  it('intersects ranges', () => {
    expect(
      intersect([
        [
          [1, 10],
          [20, 30],
        ],
        [[5, 25]],
      ]),
    ).toEqual([
      [5, 10],
      [20, 25],
    ]);
    expect(intersect([])).toEqual([]);
  });
});

describe('admission', () => {
  it('is never violated, whatever rows a kernel admits', () => {
    const target = parseTarget('h200-sxm,world=2,tokens=600,buckets=1:2:4:8:16:32:64');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 700 }),
        (step, rest, limit) => {
          const holds = (rows: number): boolean => rows % step === rest % step && rows <= limit;
          const plan = planOf([{ chain: 'ar_add_rms' }], {
            target,
            use: [odd(holds)],
            policy: firstOf(prefer('@acme/odd'), staticOrder()),
          });
          for (const { tokens, steps } of plan.decisions[0]!.segments) {
            if (steps[0]!.kernel !== '@acme/odd/kernel') continue;
            for (let token = tokens[0]; token <= tokens[1]; token += 1) {
              const rows = target.tokens.buckets.find((bucket) => bucket >= token) ?? token;
              expect(holds(rows), `${rows} rows`).toBe(true);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('asks about padded row counts, not about tokens', () => {
    const target = parseTarget('h200-sxm,world=2,tokens=64,buckets=8:64');
    const policy = firstOf(prefer('@acme/odd'), staticOrder());
    const plan = planOf([{ chain: 'ar_add_rms' }], {
      target,
      use: [odd((rows) => rows === 8)],
      policy,
    });
    expect(kernels(plan).map(([tokens, name]) => [tokens, name.includes('odd')])).toEqual([
      [[1, 8], true],
      [[9, 64], false],
    ]);
    expect(() =>
      planOf([{ chain: 'ar_add_rms' }], {
        target,
        use: [odd((rows) => rows === 8)],
        policy: override('@acme/odd'),
      }),
    ).toThrow('at 64 tokens, graph mode. @acme/odd/kernel + @arfuse/native/norm not here.');
  });
});
