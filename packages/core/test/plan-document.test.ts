import { type Plan, PlanError, SpecificationVersionError, UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { diffPlans, explain, override, parsePlan, printPlan, sealPlan } from '../src/index.ts';
import { ONE_SHOT, planOf, RING } from './plan-of.ts';
import { sourceOf } from './sample.ts';

const SITES = [{ chain: 'ar_add_rms' }, { chain: 'ar_prepost' }, { chain: 'merged' }];
const SOURCE = sourceOf({ [ONE_SHOT]: () => 50, [RING]: () => 100 });
const PLAN = planOf(SITES, { source: SOURCE, plain: [{ hidden: 4096 }] });
const TEXT = printPlan(PLAN);

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };

const edited = (edit: (plan: Mutable<Plan>) => void): string => {
  const plan = JSON.parse(TEXT) as Mutable<Plan>;
  edit(plan);
  return JSON.stringify(plan);
};

describe('parsePlan', () => {
  it('reads what printPlan writes, byte for byte', () => {
    expect(printPlan(parsePlan(TEXT))).toBe(TEXT);
    expect(parsePlan(JSON.parse(TEXT))).toEqual(JSON.parse(TEXT));
    expect(TEXT.endsWith('}\n')).toBe(true);
  });

  it.each<[string, (plan: Mutable<Plan>) => void, string]>([
    [
      'another kind',
      (plan) => {
        plan.kind = 'other' as 'arfuse.plan';
      },
      '#/kind: kind is "other"',
    ],
    [
      'an unknown member',
      (plan) => {
        Object.assign(plan.target, { colour: 'red' });
      },
      '#/target',
    ],
    [
      'a wrong number',
      (plan) => {
        plan.classes[0]!.hidden = 0.5;
      },
      '#/classes/0/hidden',
    ],
    [
      'a missing class',
      (plan) => {
        plan.sites[0]!.class = 'c9';
      },
      '#/sites/0/class: class "c9" does not exist',
    ],
    [
      'a gap',
      (plan) => {
        plan.decisions[0]!.segments[1]!.tokens = [600, 8192];
      },
      '#/decisions/0/segments/1/tokens',
    ],
    [
      'a short domain',
      (plan) => {
        plan.decisions[0]!.segments.pop();
      },
      'end at 512',
    ],
    [
      'wrong counts',
      (plan) => {
        plan.summary.plain = 0;
      },
      '#/summary',
    ],
    [
      'changed steps',
      (plan) => {
        plan.decisions[0]!.segments[0]!.steps[0]!.kernel = 'x/y';
      },
      "#/hash: the plan's hash is",
    ],
  ])('refuses %s', (_, edit, sentence) => {
    const attempt = (): Plan => parsePlan(edited(edit), { file: 'plan.json' });
    expect(attempt).toThrow(PlanError);
    expect(attempt).toThrow(sentence);
    expect(attempt).toThrow('plan.json');
  });

  it('refuses what is no plan at all', () => {
    expect(() => parsePlan('{')).toThrow(PlanError);
    expect(() => parsePlan('[]')).toThrow('a plan is a JSON object');
    expect(() =>
      parsePlan(
        edited((plan) => {
          Object.assign(plan, { specificationVersion: 2 });
        }),
      ),
    ).toThrow(SpecificationVersionError);
  });

  it('accepts an edited plan that is sealed again', () => {
    const plan = JSON.parse(
      edited((draft) => {
        draft.decisions[0]!.segments[0]!.steps[0]!.kernel = 'x/y';
      }),
    ) as Plan;
    expect(parsePlan(printPlan(sealPlan(plan))).hash).not.toBe(PLAN.hash);
  });
});

describe('explain', () => {
  it('says why, within 100 columns', () => {
    const text = explain(PLAN);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(text).toContain('class c0: ar_add_rms, hidden 4096, bf16, group "tp" of 2');
    expect(text).toContain('1–512 (graph): @arfuse/flashinfer/one-shot, 50.00 µs at 512');
    expect(text).toContain('why: measured 50.00 µs against 100.00 µs');
    expect(text).toContain('deviations: weightMultiply after → before');
    expect(text).toContain('plain0 (structure): plain0 is read by nothing.');
    expect(text).toContain('plain p0: hidden 4096');
  });

  it('explains one site', () => {
    const text = explain(PLAN, { site: 's1' });
    expect(text).toContain('site s1: ar_prepost at ar1, layers.1, rows s0');
    expect(text).not.toContain('class c0');
    expect(() => explain(PLAN, { site: 's9' })).toThrow(UsageError);
  });
});

describe('diffPlans', () => {
  it('finds nothing between equal plans', () => {
    expect(diffPlans(PLAN, planOf(SITES, { source: SOURCE, plain: [{ hidden: 4096 }] }))).toEqual({
      same: true,
      removed: [],
      added: [],
      changes: [],
    });
  });

  it('names ranges with other kernels, and classes that come and go', () => {
    const other = planOf(SITES.slice(0, 1), { policy: override(RING) });
    const diff = diffPlans(PLAN, other);
    expect(diff.same).toBe(false);
    expect(diff.removed.map(({ pattern }) => pattern)).toEqual(['ar_prepost', 'ar_add_rms']);
    expect(diff.sites).toEqual([3, 1]);
    expect(diff.changes.map(({ tokens, kernels }) => [tokens, kernels])).toEqual([
      [
        [1, 512],
        [ONE_SHOT, RING],
      ],
      [
        [513, 8192],
        [ONE_SHOT, RING],
      ],
    ]);
  });
});
