import {
  assertConformance,
  type ConformanceReport,
  checkConformance,
  formatReport,
  requestGrid,
} from '@arfuse/conformance';
import {
  type Admission,
  admission,
  type Backend,
  BackendError,
  type Kernel,
  type NumericsRecord,
  type StepRequest,
} from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { acme, honest } from './acme.ts';

const broken = (report: ConformanceReport) => report.checks.filter((check) => !check.passed);

/** The honest offer with another record, which types would refuse. */
const recording = (change: Record<string, unknown>): Partial<Kernel> => ({
  offer: (request) => {
    const { params, numerics } = honest.offer(request);
    return { params, numerics: { ...numerics, ...change } as Partial<NumericsRecord> };
  },
});

/** The honest offer with another parameter, which types would refuse. */
const parameter = (value: unknown): Partial<Kernel> => ({
  offer: (request) => ({ ...honest.offer(request), params: { when: value as never } }),
});

const boom = (): never => {
  throw new Error('boom');
};

let calls = 0;
const BROKEN: readonly [string, Partial<Kernel>, RegExp, RegExp][] = [
  [
    'an admission that changes',
    {
      admit: (request) => {
        const answer = honest.admit(request);
        calls += 1;
        return answer.admitted ? answer : admission([`refused as number ${calls}.`]);
      },
    },
    /^the same request/,
    /^two answers for \[all_reduce\] writing all_reduce, hidden 64/,
  ],
  [
    'an offer that changes',
    {
      offer: (request) => {
        calls += 1;
        return { ...honest.offer(request), params: { calls } };
      },
    },
    /^the same request/,
    /^two offers for \[all_reduce → residual → norm\]/,
  ],
  [
    'a refusal without words',
    {
      admit: (request) =>
        honest.admit(request).admitted ? { admitted: true } : { admitted: false, reasons: [] },
    },
    /^a refusal/,
    /^the reasons are \[\] for/,
  ],
  [
    'a refusal without reasons',
    {
      admit: (request) =>
        honest.admit(request).admitted
          ? { admitted: true }
          : ({ admitted: false } as unknown as Admission),
    },
    /^a refusal/,
    /^the reasons are undefined for/,
  ],
  [
    'a refusal in one word',
    {
      admit: (request) =>
        honest.admit(request).admitted ? { admitted: true } : admission(['unsupported']),
    },
    /^a refusal/,
    /^the reasons are \[unsupported\] for/,
  ],
  [
    'a kernel that refuses everything',
    { admit: () => admission(['it never runs.']) },
    /^at least one request/,
    /^all \d+ requests were refused/,
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
    /is admitted, rows 1–1 of it are not/,
  ],
  [
    'a collective that says it is none',
    { collective: false },
    /^`collective`/,
    /^collective is false for \[all_reduce/,
  ],
  [
    'a parameter that is an object',
    parameter(new Date(0)),
    /^parameters/,
    /^parameter "when" is no/,
  ],
  ['a parameter that is a function', parameter(boom), /^parameters/, /^parameter "when" is no/],
  [
    'a parameter that is no number',
    parameter(Number.NaN),
    /^parameters/,
    /^parameter "when" is no/,
  ],
  ['a list with a list in it', parameter([1, [2]]), /^parameters/, /^parameter "when" is no/],
  [
    'an offer without a record',
    { offer: () => ({ params: {} }) as never },
    /^parameters/,
    /no \{ params, numerics \}/,
  ],
  [
    'a field that the record does not have',
    recording({ rounding: 'nearest' }),
    /^the record/,
    /^"rounding" is no field/,
  ],
  [
    'a value that the field does not have',
    recording({ reduceOrder: 'sideways' }),
    /^the record/,
    /^"reduceOrder" is sideways; it may be rank, ring, tree, unspecified/,
  ],
  [
    'a rounding point left open',
    recording({ hopRounding: undefined }),
    /^the record/,
    /^"hopRounding" is not decided/,
  ],
  [
    'another weight bias than the site has',
    recording({ weightBias: 1 }),
    /^the record/,
    /^"weightBias" is 1, the site has 0/,
  ],
  [
    'a workspace that shrinks',
    { workspace: ({ rows }) => ({ bytes: 1_000_000 - rows.max }) },
    /^workspace/,
    /^999999 bytes for 1 rows, 999992 for 8/,
  ],
  [
    'a workspace of half a byte',
    { workspace: () => ({ bytes: 0.5 }) },
    /^workspace/,
    /^0\.5 bytes for/,
  ],
  ['an admit() that throws', { admit: boom }, /^admit\(\), offer/, /^admit\(\) threw "boom"/],
  ['an offer() that throws', { offer: boom }, /^admit\(\), offer/, /^offer\(\) threw "boom"/],
  [
    'a workspace() that throws',
    { workspace: boom },
    /^admit\(\), offer/,
    /^workspace\(\) threw "boom"/,
  ],
  [
    'an admit() that throws now and then',
    {
      admit: (request) => {
        calls += 1;
        return calls % 2 === 0 ? boom() : honest.admit(request);
      },
    },
    /^admit\(\), offer/,
    /^admit\(\) threw "boom"/,
  ],
  [
    'an admit() that changes its request',
    {
      admit: (request) => {
        (request as { hidden: number }).hidden = 1;
        return honest.admit(request);
      },
    },
    /^admit\(\), offer/,
    /read only property 'hidden'/,
  ],
  [
    'an admit() that answers later',
    { admit: (async () => ({ admitted: true })) as never },
    /^admit\(\), offer/,
    /gave back \[object Promise\]/,
  ],
  [
    'an offer() that answers nothing',
    { offer: (() => undefined) as never },
    /^admit\(\), offer/,
    /^offer\(\) gave back \[object Undefined\]/,
  ],
  [
    'a workspace() that answers nothing',
    { workspace: (() => undefined) as never },
    /^admit\(\), offer/,
    /^workspace\(\) gave back \[object Undefined\]/,
  ],
];

describe('checkConformance', () => {
  it('passes a backend that keeps its word, over thousands of cases', () => {
    const report = checkConformance(acme());
    expect(report.passed, formatReport(report)).toBe(true);
    expect(report.checks.every((check) => check.cases > 0)).toBe(true);
    const cases = report.checks.reduce((sum, check) => sum + check.cases, 0);
    expect(cases).toBeGreaterThan(40_000);
  });

  it.each(BROKEN)('finds %s, and no other rule broken', (_, change, rule, sentence) => {
    calls = 0;
    const found = broken(checkConformance(acme(change)));
    expect(found.map((check) => check.rule)).toEqual([expect.stringMatching(rule)]);
    expect(found[0]!.failure).toMatch(sentence);
    expect(found[0]!.subject).toBe(honest.id);
  });

  it('refuses an unknown specification version without asking a kernel', () => {
    const report = checkConformance({ ...acme(), specificationVersion: 2 } as unknown as Backend);
    expect(report.checks).toHaveLength(1);
    expect(report.checks[0]!.failure).toMatch(/specificationVersion 2/);
  });

  it('asks further requests of every kernel, from an iterator too', () => {
    const [first] = requestGrid();
    const hidden = 12_345;
    const asked: string[] = [];
    const spy = (id: string): Kernel => ({
      ...honest,
      id,
      admit: (request) => {
        if (request.hidden === hidden) asked.push(id);
        return honest.admit(request);
      },
    });
    function* more(): Generator<StepRequest> {
      yield { ...first!, hidden };
    }
    const kernels = [spy('@acme/fast/a'), spy('@acme/fast/b')];
    checkConformance({ ...acme(), kernels }, { requests: more() });
    expect(new Set(asked)).toEqual(new Set(['@acme/fast/a', '@acme/fast/b']));
  });
});

it('formatReport tells a rule that was never tried from one that holds', () => {
  const text = formatReport(checkConformance(acme({ admit: () => admission(['it never runs.']) })));
  expect(text).toMatch(/^none @acme\/fast\/two-shot: workspace is .* \(0 cases\)$/m);
  expect(text).toMatch(/^ok {3}@acme\/fast\/two-shot: a refusal is one or more sentences/m);
  expect(text).toMatch(/^FAIL @acme\/fast\/two-shot: at least one request/m);
});

it('assertConformance throws with every broken rule', () => {
  expect(() => assertConformance(acme({ collective: false }))).toThrow(BackendError);
  expect(() => assertConformance(acme({ collective: false }))).toThrow(
    /`collective` is true exactly/,
  );
  expect(assertConformance(acme()).passed).toBe(true);
});
