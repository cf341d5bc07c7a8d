import type { IoDType, NumericsRecord, SiteOutput, Stage } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import {
  executeSteps,
  oracle,
  quantiserOracle,
  type SiteResults,
  ulpDistance,
} from '../../src/index.ts';
import {
  ALL_REDUCE,
  FUSED,
  inputsFor,
  norm,
  oneGroup,
  QUANTISERS,
  RESIDUAL,
  RING,
  siteOf,
  UNFUSED,
} from '../support.ts';

const ROWS = 15;

/** Largest distance of one output over all ranks, in ULP of its own dtype. */
function distance(
  expected: readonly SiteResults[],
  found: readonly SiteResults[],
  output: SiteOutput,
): number {
  let worst = 0;
  expected.forEach((results, rank) => {
    const want = results[output]!;
    const have = found[rank]![output]!;
    expect(have.shape).toEqual(want.shape);
    for (let i = 0; i < want.data.length; i += 1)
      worst = Math.max(worst, ulpDistance(want.dtype, want.data[i]!, have.data[i]!));
  });
  return worst;
}

const RECORDS: readonly (readonly [name: string, numerics: NumericsRecord])[] = [
  ['one-shot', FUSED],
  ['running sum in the activation dtype', { ...FUSED, accumulate: 'io' }],
  ['tree', { ...FUSED, reduceOrder: 'tree' }],
  ['ring with a separate norm', RING],
  ['rank order with a separate norm', UNFUSED],
  ['weight after the down-cast', { ...FUSED, weightMultiply: 'after' }],
  ['Gemma', { ...FUSED, weightBias: 1 }],
];

describe.each([2, 4, 8, 16])('on %i ranks', (size) => {
  it.each(RECORDS)('%s: residual exact, norm within one ULP of the oracle', (_, numerics) => {
    for (const dtype of ['bf16', 'f16', 'f32'] as const satisfies readonly IoDType[]) {
      const site = siteOf(
        [ALL_REDUCE, RESIDUAL, norm({ weightBias: numerics.weightBias })],
        numerics,
        64,
        dtype,
      );
      const ranks = oneGroup(size);
      const inputs = inputsFor(site, ranks, ROWS);
      const found = executeSteps(site, [{ stages: site.stages, numerics }], inputs, ranks);
      const expected = oracle(site, numerics, inputs, ranks);
      expect(distance(expected, found, 'all_reduce')).toBe(0);
      expect(distance(expected, found, 'residual')).toBe(0);
      // A float32 norm shows the order of the sum of squares; nothing is rounded after it.
      expect(distance(expected, found, 'norm')).toBeLessThanOrEqual(dtype === 'f32' ? 4 : 1);
    }
  });
});

const BIAS: Stage = { kind: 'bias', dtype: 'bf16' };
const SCALE: Stage = { kind: 'scale', factor: 0.22 };
const PRE_NORM: Stage = {
  kind: 'pre_norm',
  eps: 1e-6,
  weightDtype: 'bf16',
  weightBias: 0,
  weightMultiply: 'after',
};
const CHAINS: readonly (readonly [name: string, stages: readonly Stage[], partials: number])[] = [
  ['bias after the all-reduce', [ALL_REDUCE, BIAS, RESIDUAL, norm()], 1],
  [
    'scaled all-reduce and residual',
    [ALL_REDUCE, SCALE, { kind: 'residual', factor: 0.5 }, norm()],
    1,
  ],
  ['no residual', [ALL_REDUCE, norm()], 1],
  [
    'two partials, merged as captured',
    [
      { kind: 'all_reduce', partial: 0 },
      { kind: 'all_reduce', partial: 1 },
      { kind: 'merge' },
      RESIDUAL,
      norm(),
    ],
    2,
  ],
];

it.each(CHAINS)('%s: exact up to the residual, norm within one ULP', (_, stages, partials) => {
  const site = siteOf(stages, FUSED);
  const ranks = oneGroup(4);
  const inputs = inputsFor(site, ranks, ROWS, partials);
  const found = executeSteps(site, [{ stages, numerics: FUSED }], inputs, ranks);
  const expected = oracle(site, FUSED, inputs, ranks);
  expect(distance(expected, found, 'all_reduce')).toBe(0);
  if (stages.includes(RESIDUAL)) expect(distance(expected, found, 'residual')).toBe(0);
  expect(distance(expected, found, 'norm')).toBeLessThanOrEqual(1);
});

it('adds two partials before one all-reduce where the record says so', () => {
  const numerics: NumericsRecord = { ...FUSED, mergedPartials: true };
  const captured: Stage[] = [
    { kind: 'all_reduce', partial: 0 },
    { kind: 'all_reduce', partial: 1 },
    { kind: 'merge' },
    RESIDUAL,
    norm(),
  ];
  const site = siteOf(captured, numerics);
  const ranks = oneGroup(2);
  const inputs = inputsFor(site, ranks, ROWS, 2);
  const found = executeSteps(
    site,
    [{ stages: [{ kind: 'merge' }, ALL_REDUCE, RESIDUAL, norm()], numerics }],
    inputs,
    ranks,
  );
  expect(distance(oracle(site, numerics, inputs, ranks), found, 'residual')).toBe(0);
});

it('runs a sandwich in two steps, the second norm given the first', () => {
  const numerics: NumericsRecord = { ...FUSED, preNormWeightMultiply: 'after' };
  const site = siteOf([ALL_REDUCE, PRE_NORM, RESIDUAL, norm()], numerics);
  const ranks = oneGroup(2);
  const inputs = inputsFor(site, ranks, ROWS);
  const steps = [
    { stages: [ALL_REDUCE, PRE_NORM], numerics },
    { stages: [RESIDUAL, norm()], numerics },
  ];
  const found = executeSteps(site, steps, inputs, ranks);
  expect(distance(oracle(site, numerics, inputs, ranks), found, 'pre_norm')).toBeLessThanOrEqual(1);
  const rest = siteOf([RESIDUAL, norm()], numerics);
  const given = { ...inputs, partials: found.map((results) => [results.pre_norm!]) };
  const expected = oracle(rest, numerics, given, ranks);
  expect(distance(expected, found, 'residual')).toBe(0);
  expect(distance(expected, found, 'norm')).toBeLessThanOrEqual(1);
});

describe.each(Object.entries(QUANTISERS))('%s quantiser', (_, quant) => {
  it('gives the very bytes and scales of the oracle for the kernel’s own norm', () => {
    const numerics: NumericsRecord = {
      ...FUSED,
      quantInput: 'rounded',
      nan: quant.scheme === 'fp8_static' ? 'propagate' : 'lost',
    };
    const site = siteOf([ALL_REDUCE, RESIDUAL, norm(), quant], numerics);
    const ranks = oneGroup(2);
    const inputs = inputsFor(site, ranks, ROWS);
    const found = executeSteps(site, [{ stages: site.stages, numerics }], inputs, ranks);
    const expected = found.map((results) =>
      quantiserOracle(results.norm!, quant, numerics.nan, inputs.scale?.data[0]),
    );
    expect(distance(expected, found, 'quant')).toBe(0);
    if (quant.scheme !== 'fp8_static') expect(distance(expected, found, 'scale')).toBe(0);
  });
});
