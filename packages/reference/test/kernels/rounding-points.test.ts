import type { NumericsRecord } from '@arfuse/contract';
import { expect, it } from 'vitest';
import {
  executeSteps,
  roundTo,
  SimulatedRanks,
  type SiteInputs,
  type SiteResults,
} from '../../src/index.ts';
import {
  ALL_REDUCE,
  FUSED,
  norm,
  oneGroup,
  RESIDUAL,
  siteOf,
  tensor,
  UNFUSED,
} from '../support.ts';

const BF16_STEP = 2 ** -7;

/** Sum of one element per rank. */
function reduced(values: readonly number[], numerics: NumericsRecord): number {
  const site = siteOf([ALL_REDUCE], numerics, 1);
  const partials = values.map((value) => [tensor('bf16', [1, 1], [value])]);
  const results = executeSteps(
    site,
    [{ stages: site.stages, numerics }],
    { partials },
    oneGroup(values.length),
  );
  const found = results.map((result) => result.all_reduce!.data[0]!);
  expect(new Set(found).size, 'every rank holds the same sum').toBe(1);
  return found[0]!;
}

it('rounds once after a float32 sum, or after every rank', () => {
  // Half a step each: in float32 they add up to a whole one; rounded at every rank each is lost to the even value.
  const values = [1, BF16_STEP / 2, BF16_STEP / 2, 0];
  expect(reduced(values, FUSED)).toBe(1 + BF16_STEP);
  expect(reduced(values, { ...FUSED, accumulate: 'io' })).toBe(1);
  expect(reduced(values, { ...FUSED, hopRounding: true })).toBe(1);
});

it('adds in the order of the record', () => {
  const big = 2 ** 30;
  // In rank order the one survives, since the big values cancel before it comes.
  expect(reduced([big, -big, 1, 0], FUSED)).toBe(1);
  // The only chunk of a ring of four starts at rank 1: -big + 1 + 0 + big.
  expect(reduced([big, -big, 1, 0], { ...FUSED, reduceOrder: 'ring' })).toBe(0);
  expect(reduced([big, 1, -big, 1], { ...FUSED, reduceOrder: 'tree' })).toBe(0);
});

it('starts each chunk of a ring at another rank', () => {
  const big = 2 ** 30;
  const numerics: NumericsRecord = { ...FUSED, reduceOrder: 'ring' };
  const site = siteOf([ALL_REDUCE], numerics, 4);
  // Chunk c starts at rank c + 1; the one is lost unless both big values come first.
  const partials = [big, 1, -big, 0].map((value) => [
    tensor(
      'bf16',
      [1, 4],
      Array.from({ length: 4 }, () => value),
    ),
  ]);
  const [first] = executeSteps(
    site,
    [{ stages: site.stages, numerics }],
    { partials },
    oneGroup(4),
  );
  const order = (start: number): number =>
    [0, 1, 2, 3].reduce((sum, i) => Math.fround(sum + [big, 1, -big, 0][(start + i) % 4]!), 0);
  expect([...first!.all_reduce!.data]).toEqual([1, 2, 3, 0].map(order));
});

/** One row of a chain with a residual, two ranks. */
function chain(
  numerics: NumericsRecord,
  first: readonly number[],
  residual: readonly number[],
  weight: readonly number[],
): SiteResults {
  const hidden = first.length;
  const site = siteOf(
    [ALL_REDUCE, RESIDUAL, norm({ eps: 0, weightBias: numerics.weightBias })],
    numerics,
    hidden,
  );
  const row = (data: readonly number[]): ReturnType<typeof tensor> =>
    tensor('bf16', [1, hidden], data);
  const inputs: SiteInputs = {
    partials: [[row(first)], [row(first.map(() => 0))]],
    residual: row(residual),
    weight: tensor('bf16', [hidden], weight),
  };
  return executeSteps(site, [{ stages: site.stages, numerics }], inputs, oneGroup(2))[0]!;
}

it('norms the rounded sum when fused, and the unrounded one when not', () => {
  // 1 + 3/4 of half a step: rounds down to 1, so both elements are equal only for the rounded sum.
  const partial = [1, 1];
  const residual = [BF16_STEP * 0.375, 0];
  const fused = chain(FUSED, partial, residual, [1, 1]);
  expect([...fused.residual!.data]).toEqual([1, 1]);
  expect([...fused.norm!.data]).toEqual([1, 1]);
  const weight = [1.4921875, 1];
  const separate = chain(UNFUSED, partial, residual, weight).norm!.data[0]!;
  const x = 1 + residual[0]!;
  const scale = Math.fround(1 / Math.sqrt(Math.fround((x * x + 1) / 2)));
  expect(separate).toBe(roundTo('bf16', Math.fround(Math.fround(x * scale) * weight[0]!)));
});

it('loses the unrounded sum between two steps', () => {
  const site = siteOf([ALL_REDUCE, RESIDUAL, norm()], UNFUSED, 2);
  const row = (data: readonly number[]): ReturnType<typeof tensor> => tensor('bf16', [1, 2], data);
  const inputs: SiteInputs = {
    partials: [[row([1, 1])], [row([0, 0])]],
    residual: row([BF16_STEP * 0.375, 0]),
    weight: tensor('bf16', [2], [1, 1]),
  };
  const steps = [
    { stages: [ALL_REDUCE, RESIDUAL], numerics: UNFUSED },
    { stages: [norm()], numerics: UNFUSED },
  ];
  const [first] = executeSteps(site, steps, inputs, oneGroup(2));
  expect(first!.norm!.data[0]).toBe(first!.norm!.data[1]);
});

it('multiplies by the weight before or after the down-cast', () => {
  const [x, y] = [1, 0.4140625];
  const weight = [1.0078125, 1.9921875];
  const scale = Math.fround(1 / Math.sqrt(Math.fround((x * x + y * y) / 2)));
  const before = chain(FUSED, [x, y], [0, 0], weight).norm!.data;
  const after = chain({ ...FUSED, weightMultiply: 'after' }, [x, y], [0, 0], weight).norm!.data;
  const normed = [x, y].map((value) => Math.fround(value * scale));
  expect([...before]).toEqual(
    normed.map((value, i) => roundTo('bf16', Math.fround(value * weight[i]!))),
  );
  expect([...after]).toEqual(
    normed.map((value, i) => roundTo('bf16', Math.fround(roundTo('bf16', value) * weight[i]!))),
  );
  expect([...before]).not.toEqual([...after]);
});

it("counts Gemma's weight from one", () => {
  const plain = chain(FUSED, [1, 2], [0, 0], [1.25, 1.5]).norm!.data;
  const gemma = chain({ ...FUSED, weightBias: 1 }, [1, 2], [0, 0], [0.25, 0.5]).norm!.data;
  expect([...gemma]).toEqual([...plain]);
});

it('sums over the ranks of one group only', () => {
  const ranks = new SimulatedRanks([
    { name: 'tp', size: 2 },
    { name: 'ep', size: 3 },
  ]);
  const partials = [1, 2, 4, 8, 16, 32].map((value) => [tensor('bf16', [1, 1], [value])]);
  const sums = (group: number): number[] => {
    const site = { ...siteOf([ALL_REDUCE], FUSED, 1), group };
    return executeSteps(site, [{ stages: site.stages, numerics: FUSED }], { partials }, ranks).map(
      (results) => results.all_reduce!.data[0]!,
    );
  };
  expect(sums(0)).toEqual([3, 3, 12, 12, 48, 48]);
  expect(sums(1)).toEqual([21, 42, 21, 42, 21, 42]);
});

it('names the input that a site needs and does not get', () => {
  const site = siteOf([ALL_REDUCE, RESIDUAL, norm()], FUSED, 1);
  const partials = [[tensor('bf16', [1, 1], [1])], [tensor('bf16', [1, 1], [1])]];
  expect(() =>
    executeSteps(site, [{ stages: site.stages, numerics: FUSED }], { partials }, oneGroup(2)),
  ).toThrow(/"residual"/);
});
