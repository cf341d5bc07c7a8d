import type { IoDType, NumericsRecord, QuantStage, Stage } from '@arfuse/contract';
import { expect, it } from 'vitest';
import {
  executeSteps,
  oracle,
  quantiserOracle,
  Random,
  SimulatedRanks,
  type SiteResults,
  ulpDistance,
} from '../../src/index.ts';
import { ALL_REDUCE, FUSED, inputsFor, norm, QUANTISERS, siteOf } from '../support.ts';

const CASES = 240;
const ROWS = 14;

interface Drawn {
  readonly stages: readonly Stage[];
  readonly numerics: NumericsRecord;
  readonly quant: QuantStage | undefined;
  readonly partials: number;
  readonly hidden: number;
  readonly dtype: IoDType;
  readonly ranks: SimulatedRanks;
  readonly group: number;
}

/** A chain, a record and a group, drawn at random from everything that the contract can say. */
function draw(random: Random): Drawn {
  const pick = <T>(items: readonly T[]): T => items[random.word() % items.length]!;
  const chance = (): boolean => random.uniform() < 0.3;
  const merge = chance();
  const mergedPartials = merge && chance();
  const weightBias = pick([0, 1] as const);
  const weightMultiply = pick(['before', 'after'] as const);
  const preNorm: Stage = {
    kind: 'pre_norm',
    eps: 1e-5,
    weightDtype: 'bf16',
    weightBias,
    weightMultiply,
  };
  const quant = chance() || chance() ? pick(Object.values(QUANTISERS)) : undefined;
  const hasPreNorm = chance();
  const stages: Stage[] = [
    ...(!merge
      ? [ALL_REDUCE]
      : mergedPartials
        ? [{ kind: 'merge' } as const, ALL_REDUCE]
        : [0 as const, 1 as const].map((partial) => ({ kind: 'all_reduce', partial }) as const)),
    ...(merge && !mergedPartials ? [{ kind: 'merge' } as const] : []),
    ...(chance() ? [{ kind: 'bias', dtype: 'bf16' } as const] : []),
    ...(chance() ? [{ kind: 'scale', factor: pick([0.22, 2, 1 / 3]) } as const] : []),
    ...(hasPreNorm ? [preNorm] : []),
    ...(random.uniform() < 0.8
      ? [{ kind: 'residual', factor: pick([null, null, 0.5, 0.3]) } as const]
      : []),
    norm({ weightBias, eps: pick([1e-6, 1e-5, 1e-3]) }),
    ...(quant ? [quant] : []),
  ];
  const size = pick([1, 2, 4, 8, 16]);
  const second = chance();
  return {
    stages,
    quant,
    partials: merge ? 2 : 1,
    hidden: pick([16, 48, 80]),
    dtype: pick(['bf16', 'bf16', 'f16', 'f32']),
    group: second ? 1 : 0,
    ranks: new SimulatedRanks(
      second
        ? [
            { name: 'ep', size: 2 },
            { name: 'tp', size },
          ]
        : [{ name: 'tp', size }],
    ),
    numerics: {
      ...FUSED,
      accumulate: pick(['f32', 'io', 'unspecified']),
      reduceOrder: pick(['rank', 'ring', 'tree', 'unspecified']),
      hopRounding: pick([false, true, 'unspecified']),
      allReduceRounded: random.uniform() < 0.8,
      normInput: pick(['rounded', 'unrounded']),
      weightMultiply: pick(['before', 'after']),
      weightBias,
      preNormWeightMultiply: hasPreNorm ? pick(['before', 'after']) : null,
      quantInput: quant ? pick(['rounded', 'unrounded']) : null,
      nan: quant && quant.scheme !== 'fp8_static' ? pick(['lost', 'propagate']) : 'propagate',
      mergedPartials,
    },
  };
}

/** Largest distance of one output over all ranks, in ULP; undefined when there is no such output. */
function distance(
  expected: readonly SiteResults[],
  found: readonly SiteResults[],
  output: keyof SiteResults,
): number | undefined {
  let worst: number | undefined;
  expected.forEach((results, rank) => {
    const [want, have] = [results[output], found[rank]![output]];
    expect(have?.shape).toEqual(want?.shape);
    want?.data.forEach((value, i) => {
      worst = Math.max(worst ?? 0, ulpDistance(want.dtype, value, have!.data[i]!));
    });
  });
  return worst;
}

it.each(Array.from({ length: CASES }, (_, i) => i))(
  'kernels agree with the oracle: random chain %i',
  (seed) => {
    const { stages, numerics, quant, partials, hidden, dtype, ranks, group } = draw(
      new Random(seed),
    );
    const site = { ...siteOf(stages, numerics, hidden, dtype), group };
    const inputs = inputsFor(site, ranks, ROWS, partials, seed);
    const found = executeSteps(site, [{ stages, numerics }], inputs, ranks);
    let expected = oracle(site, numerics, inputs, ranks);
    expect(distance(expected, found, 'all_reduce')).toBe(0);
    // A float32 norm shows the order of its sum of squares: nothing is rounded after it.
    const normUlp = dtype === 'f32' ? 6 : 1;
    const sandwich = stages.findIndex((stage) => stage.kind === 'pre_norm');
    if (sandwich >= 0) {
      expect(distance(expected, found, 'pre_norm')).toBeLessThanOrEqual(normUlp);
      // What follows is compared given the kernels' own first norm.
      const rest = { ...site, stages: stages.slice(sandwich + 1) };
      expected = oracle(
        rest,
        numerics,
        { ...inputs, partials: found.map((results) => [results.pre_norm!]) },
        ranks,
      );
    }
    if (stages.some((stage) => stage.kind === 'residual'))
      expect(distance(expected, found, 'residual')).toBe(0);
    expect(distance(expected, found, 'norm')).toBeLessThanOrEqual(normUlp);
    if (!quant || numerics.quantInput !== 'rounded') return;
    const narrow = found.map((results) =>
      quantiserOracle(results.norm!, quant, numerics.nan, inputs.scale?.data[0]),
    );
    expect(distance(narrow, found, 'quant')).toBe(0);
    expect(distance(narrow, found, 'scale')).toBe(quant.scheme === 'fp8_static' ? undefined : 0);
  },
);
