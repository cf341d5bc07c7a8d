import { assertConformance, type ConformanceReport, checkConformance } from '@arfuse/conformance';
import { admission, type Backend, BackendError, type Kernel } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';

/** A two-shot all-reduce + add + norm that does what it says. */
const honest: Kernel = {
  id: '@acme/fast/two-shot',
  title: 'all-reduce, add and norm in one launch',
  collective: true,
  complexity: 3,
  admit: ({ stages, group, dtype, target }) =>
    admission([
      stages.map((stage) => stage.kind).join(' ') !== 'all_reduce residual norm' &&
        'performs all_reduce, residual, norm only.',
      target.capability !== 90 && `needs Hopper, not capability ${target.capability / 10}.`,
      (group.nodes > 1 || ![2, 4, 8].includes(group.size)) &&
        `a group of ${group.size} on ${group.nodes} nodes is not served.`,
      dtype !== 'bf16' && `needs bf16, not ${dtype}.`,
    ]),
  offer: () => ({
    params: { oneShot: false },
    numerics: {
      accumulate: 'f32',
      reduceOrder: 'rank',
      hopRounding: false,
      allReduceRounded: true,
      normInput: 'rounded',
      weightMultiply: 'before',
    },
  }),
  workspace: ({ rows, hidden }) => ({ bytes: 4 * rows.max * hidden }),
};

const acme = (change: Partial<Kernel> = {}): Backend => ({
  specificationVersion: 1,
  name: '@acme/fast',
  version: '1.0.0',
  kernels: [{ ...honest, ...change }],
});

const broken = (report: ConformanceReport): string[] =>
  report.checks.filter((check) => !check.passed).map((check) => check.rule);

describe('checkConformance', () => {
  it('passes a backend that keeps its word, over thousands of cases', () => {
    const report = checkConformance(acme());
    expect(broken(report)).toEqual([]);
    expect(report.passed).toBe(true);
    const cases = report.checks.reduce((sum, check) => sum + check.cases, 0);
    expect(cases).toBeGreaterThan(40_000);
    const simulated = report.checks.find((check) => check.rule.startsWith('the declared record'));
    expect(simulated!.cases).toBeGreaterThan(0);
  });

  let calls = 0;
  it.each<[string, Partial<Kernel>, RegExp]>([
    [
      'an answer that changes',
      {
        workspace: honest.workspace,
        admit: () => admission([calls++ % 2 === 0 && 'not this time.']),
      },
      /^the same request/,
    ],
    ['a refusal without words', { admit: () => ({ admitted: false, reasons: [] }) }, /^a refusal/],
    [
      'a kernel that refuses everything',
      { admit: () => admission(['it never runs.']) },
      /^at least one request/,
    ],
    [
      'a row count that is refused within an admitted range',
      {
        admit: (request) =>
          request.rows.min !== request.rows.max
            ? honest.admit(request)
            : admission(['takes ranges only.']),
      },
      /^what is admitted/,
    ],
    ['a collective that says it is none', { collective: false }, /^`collective`/],
    [
      'a parameter that is no data',
      {
        offer: (request) => ({ ...honest.offer(request), params: { when: new Date(0) as never } }),
      },
      /^parameters/,
    ],
    [
      'a rounding point left open',
      { offer: () => ({ params: {}, numerics: { accumulate: 'f32' } }) },
      /^the record/,
    ],
    [
      'another weight bias than the site has',
      {
        offer: (request) => ({
          params: {},
          numerics: { ...honest.offer(request).numerics, weightBias: 1 },
        }),
      },
      /^the record/,
    ],
    [
      'a workspace that shrinks',
      { workspace: ({ rows }) => ({ bytes: 1_000_000 - rows.max }) },
      /^workspace/,
    ],
  ])('names the rule for %s', (_, change, rule) => {
    const report = checkConformance(acme(change));
    expect(report.passed).toBe(false);
    expect(broken(report).some((found) => rule.test(found))).toBe(true);
    expect(report.checks.every((check) => check.passed || (check.failure ?? '').length > 20)).toBe(
      true,
    );
  });

  it('refuses an unknown specification version without asking a kernel', () => {
    const report = checkConformance({ ...acme(), specificationVersion: 2 } as unknown as Backend);
    expect(report.checks).toHaveLength(1);
    expect(report.checks[0]!.failure).toMatch(/specificationVersion 2/);
  });
});

it('assertConformance throws with every broken rule', () => {
  expect(() => assertConformance(acme({ collective: false }))).toThrow(BackendError);
  expect(() => assertConformance(acme({ collective: false }))).toThrow(
    /`collective` is true exactly/,
  );
  expect(assertConformance(acme()).passed).toBe(true);
});
