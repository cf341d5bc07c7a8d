import { type Policy, PolicyError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import {
  allowDeviations,
  batchInvariant,
  batchVariance,
  cap,
  costModel,
  defaultPolicy,
  deny,
  firstOf,
  margin,
  measured,
  override,
  prefer,
  published,
  shadow,
  staticOrder,
  when,
} from '../src/index.ts';
import { kernels, ONE_SHOT, planOf, RING, TWO_SHOT, WINDOWS } from './plan-of.ts';
import { H200_2, sourceOf } from './sample.ts';

const SITE = [{ chain: 'ar_add_rms' }];
const FUSED_WINS = sourceOf({
  [ONE_SHOT]: () => 50,
  [TWO_SHOT]: () => 70,
  [RING]: () => 100,
  [WINDOWS]: () => 90,
});

const run = (policy: Policy, source = FUSED_WINS): ReturnType<typeof kernels> =>
  kernels(planOf(SITE, { policy, source }));

describe('explicit rules', () => {
  it('win wherever they stand, exactly in their range', () => {
    const expected = [
      [[1, 8], ONE_SHOT],
      [[9, 16], RING],
      [[17, 512], ONE_SHOT],
      [[513, 8192], ONE_SHOT],
    ];
    const rule = override('@arfuse/nccl/all-reduce', { tokens: [9, 16] });
    expect(run(firstOf(rule, measured()))).toEqual(expected);
    expect(run(firstOf(measured(), rule))).toEqual(expected);
    expect(run(firstOf(measured(), when({ mode: 'graph' }, firstOf(staticOrder(), rule))))).toEqual(
      expected,
    );
    expect(
      run(firstOf(measured(), prefer('@arfuse/nccl/all-reduce', { tokens: [9, 16], must: true }))),
    ).toEqual(expected);
  });

  it('change an eager range at the exact token', () => {
    expect(run(firstOf(measured(), override(RING, { tokens: [777, 778] })))).toEqual([
      [[1, 512], ONE_SHOT],
      [[513, 776], ONE_SHOT],
      [[777, 778], RING],
      [[779, 8192], ONE_SHOT],
    ]);
  });

  it('throw where they cannot be obeyed, with the refusal', () => {
    expect(() => run(firstOf(override(TWO_SHOT), measured()))).toThrow(PolicyError);
    expect(() => run(firstOf(override(TWO_SHOT), measured()))).toThrow(
      'needs more tokens than ranks; 1 token is asked',
    );
    expect(() => run(override('@arfuse/flashinfer/three-shot'))).toThrow(
      'No installed backend offers it',
    );
    expect(() => run(deny('@arfuse/flashinfer', firstOf(measured(), override(ONE_SHOT))))).toThrow(
      'deny(@arfuse/flashinfer)',
    );
  });

  it('throw where two of them disagree', () => {
    const both = firstOf(
      override(ONE_SHOT, { tokens: [1, 64] }),
      override(RING, { tokens: [64, 128] }),
      measured(),
    );
    expect(() => run(both)).toThrow(/two rules disagree in c0 .* at 64 tokens/);
  });

  it('carry their name and the known time as evidence', () => {
    const [segment] = planOf(SITE, { policy: override(RING), source: FUSED_WINS }).decisions[0]!
      .segments;
    expect(segment).toMatchObject({
      evidence: { kind: 'rule', note: `override(${RING})` },
      expectedUs: 100,
    });
  });

  it('need a range that holds something', () => {
    expect(() => override(RING, { tokens: [5, 4] })).toThrow(PolicyError);
    expect(() => when({ tokens: [0, 4] }, measured())).toThrow(PolicyError);
  });
});

describe('combinators', () => {
  it('prefer falls back where the kernel is refused', () => {
    expect(run(firstOf(prefer(TWO_SHOT), staticOrder()))).toEqual([
      [[1, 2], RING],
      [[3, 512], TWO_SHOT],
      [[513, 8192], TWO_SHOT],
    ]);
  });

  it('deny takes candidates out and says so', () => {
    const plan = planOf(SITE, {
      policy: deny('@arfuse/flashinfer', defaultPolicy()),
      source: FUSED_WINS,
    });
    expect(kernels(plan)[0]![1]).toBe(WINDOWS);
    expect(plan.decisions[0]!.candidates.find(({ name }) => name === ONE_SHOT)).toMatchObject({
      fate: 'denied',
      reasons: ['deny(@arfuse/flashinfer).'],
    });
    expect(() => run(deny('@arfuse/native', defaultPolicy(), { tokens: [1, 1] }))).not.toThrow();
    expect(() => run(deny(() => true, defaultPolicy()))).toThrow('leaves no candidate');
  });

  it('cap bounds a kernel by tokens or bytes, exactly', () => {
    const expected = [
      [[1, 512], ONE_SHOT],
      [[513, 1000], ONE_SHOT],
      [[1001, 8192], TWO_SHOT],
    ];
    expect(run(cap(ONE_SHOT, { tokens: 1000 }, measured()))).toEqual(expected);
    expect(run(cap(ONE_SHOT, { bytes: 1000 * 4096 * 2 }, measured()))).toEqual(expected);
    expect(() => cap(ONE_SHOT, { tokens: -1 }, measured())).toThrow(PolicyError);
  });

  it('margin changes the gain that a switch needs', () => {
    expect(run(margin({ percent: 60 }, measured()))[0]![1]).toBe(RING);
    expect(run(margin({ percent: 40 }, measured()))[0]![1]).toBe(ONE_SHOT);
    expect(() => margin({ percent: Number.NaN }, measured())).toThrow(PolicyError);
  });

  it('when holds for a test, too', () => {
    const policy = firstOf(
      when(({ tokens }) => tokens % 16 === 0, measured()),
      staticOrder(),
    );
    expect(run(policy)[0]).toEqual([[1, 8], RING]);
  });

  it('shadow decides nothing and remarks', () => {
    const plan = planOf(SITE, { policy: shadow(staticOrder(), measured()), source: FUSED_WINS });
    expect(kernels(plan)[0]![1]).toBe(RING);
    expect(plan.notes.join('\n')).toContain(
      `c0, tokens 1–8192: shadow policy measured would run ${ONE_SHOT}.`,
    );
  });

  it('static order never looks at times', () => {
    expect(run(staticOrder(TWO_SHOT, '@arfuse/symm-mem'))[0]![1]).toBe(
      '@arfuse/symm-mem/one-shot + @arfuse/native/norm',
    );
  });

  it('must decide', () => {
    expect(() => run(published())).toThrow('decides nothing');
    expect(() => firstOf()).toThrow(PolicyError);
    expect(() => run(when({ mode: 'eager' }, measured()))).toThrow('End it with staticOrder()');
  });

  it('may not choose what is not admitted', () => {
    const stray: Policy = {
      name: 'stray',
      decide: (cell) => ({
        kind: 'choose',
        candidate: { ...cell.candidates[0]!, name: 'other' },
        evidence: { kind: 'static', note: '' },
        reason: '',
      }),
    };
    expect(() => run(stray)).toThrow('chose other, which is not admitted');
  });
});

describe('evidence policies', () => {
  it('abstain unless a fused and an unfused candidate have times', () => {
    const onlyFused = sourceOf({ [ONE_SHOT]: () => 1 });
    expect(() => run(measured(), onlyFused)).toThrow('no unfused candidate is measured');
    const onlyUnfused = sourceOf({ [RING]: () => 2, [WINDOWS]: () => 1 });
    expect(() => run(measured(), onlyUnfused)).toThrow('no fused candidate is measured');
    expect(run(measured({ unfusedOnly: true }), onlyUnfused)[0]![1]).toBe(WINDOWS);
    expect(run(defaultPolicy(), onlyUnfused)[0]![1]).toBe(WINDOWS);
  });

  it('need twice the margin for estimates', () => {
    const close = sourceOf({ [ONE_SHOT]: () => 92, [RING]: () => 100 });
    expect(run(measured(), close)[0]![1]).toBe(ONE_SHOT);
    expect(run(costModel(), close)[0]![1]).toBe(RING);
  });
});

describe('deviations', () => {
  it('are allowed by name, in place of the default list', () => {
    expect(run(allowDeviations([], defaultPolicy()))[0]![1]).toBe(WINDOWS);
    expect(run(allowDeviations(['weightMultiply'], defaultPolicy()))[0]![1]).toBe(ONE_SHOT);
    expect(() => allowDeviations(['weightBias'], defaultPolicy())).toThrow('never allowed');
    expect(() => allowDeviations(['speed'], defaultPolicy())).toThrow('is no deviation');
  });

  it('stay with the policy that allows them', () => {
    const policy = firstOf(when({ tokens: [1, 8] }, allowDeviations([], measured())), measured());
    expect(run(policy).map(([, name]) => name)).toEqual([WINDOWS, ONE_SHOT, ONE_SHOT]);
  });
});

describe('batch invariance', () => {
  const group = { ...H200_2, groups: { default: { size: 4, nodes: 1 } } };

  it('leaves kernels whose result for a row does not depend on the batch', () => {
    const plan = planOf(SITE, {
      policy: batchInvariant(defaultPolicy()),
      source: FUSED_WINS,
      target: group,
    });
    expect(kernels(plan)[0]![1]).toBe('@arfuse/symm-mem/one-shot + @arfuse/native/norm');
    expect(batchVariance(plan)).toBeUndefined();
  });

  it('is a property of the whole plan', () => {
    const plain = planOf(SITE, { source: FUSED_WINS });
    expect(batchVariance(plain)).toContain(
      'the geometry of @arfuse/flashinfer/one-shot follows the row count',
    );
    expect(() =>
      planOf(SITE, { policy: batchInvariant(defaultPolicy()), use: [], target: group }),
    ).toThrow('batchInvariant leaves no candidate');
  });
});
