import { type DType, findStage, type PlanSegment, type SiteOutput } from '@arfuse/contract';
import { oracle, quantiserOracle, type SiteResults } from '@arfuse/reference';
import { type Allowance, OutputComparer } from './compare.ts';
import type { EvaluatedClass } from './evaluated-class.ts';
import { mapRanks } from './map-ranks.ts';
import { lastNormRange, nearest, preNormRange } from './norm-range.ts';
import type { OutputComparison } from './report.ts';
import { ulpAt } from './ulp.ts';

/** A float32 sum in another order may move what is rounded, so the oracle's nearest result counts. */
const NORM_BOUND = '1 ULP';

/**
 * The results of the steps against an oracle of the same record: sums equal, norms within an ULP, quantised bytes and
 * scales equal given the kernels' own norm.
 */
export function compareKernels(
  { site, ranks, prepared }: EvaluatedClass,
  segment: PlanSegment,
  found: readonly (readonly SiteResults[])[],
): OutputComparison[] {
  const { dtype, stages } = site;
  const preNorm = findStage(stages, 'pre_norm');
  const quant = findStage(stages, 'quant');
  const exact: Allowance = () => 0;
  const oneUlp: Allowance = (_, expected) => ulpAt(dtype, expected);
  // The sum reaches the norm unrounded only inside one step.
  const split =
    segment.steps.length > 1 &&
    !segment.steps.some((step) => step.covers.includes('residual') && step.covers.includes('norm'));
  const numerics = split
    ? { ...segment.numerics, normInput: 'rounded' as const }
    : segment.numerics;
  const comparers = new Map<SiteOutput, OutputComparer>();
  const compare = (
    output: SiteOutput,
    width: DType,
    tokens: number,
    expected: readonly SiteResults[],
    got: readonly SiteResults[],
    allowance: Allowance,
    bound: string,
  ): void => {
    let comparer = comparers.get(output);
    if (!comparer) {
      comparer = new OutputComparer('kernels', output, width, bound);
      comparers.set(output, comparer);
    }
    comparer.add(
      tokens,
      expected.map((results) => results[output]!),
      got.map((results) => results[output]!),
      allowance,
    );
  };
  prepared.forEach(({ tokens, inputs }, i) => {
    const got = found[i]!;
    let expected = oracle(site, numerics, inputs.site, ranks);
    const ranged = (output: 'norm' | 'pre_norm', rangeOf: typeof lastNormRange): SiteResults[] =>
      mapRanks(got, (results, rank) => {
        const range = rangeOf(site, numerics, inputs.site, results);
        return range ? { [output]: nearest(range, results[output]!) } : expected[rank]!;
      });
    const first = stages.some((stage) => stage.kind === 'all_reduce');
    if (first) compare('all_reduce', dtype, tokens, expected, got, exact, '0 ULP');
    if (preNorm) {
      compare('pre_norm', dtype, tokens, ranged('pre_norm', preNormRange), got, oneUlp, NORM_BOUND);
      // What follows is compared given the kernels' own first norm.
      const rest = { ...site, stages: stages.slice(stages.indexOf(preNorm) + 1) };
      const partials = got.map((results) => [results.pre_norm!]);
      expected = oracle(rest, numerics, { ...inputs.site, partials }, ranks);
    }
    if (findStage(stages, 'residual'))
      compare(
        'residual',
        dtype,
        tokens,
        expected,
        got,
        exact,
        preNorm ? '0 ULP given the first norm' : '0 ULP',
      );
    compare('norm', dtype, tokens, ranged('norm', lastNormRange), got, oneUlp, NORM_BOUND);
    if (!quant) return;
    const given = numerics.quantInput === 'rounded';
    const scale = inputs.site.scale?.data[0];
    const wanted = given
      ? mapRanks(got, (results) => quantiserOracle(results.norm!, quant, numerics.nan, scale))
      : expected;
    const bound = given ? "equal bytes, given the kernel's own norm" : 'one code step';
    const step: Allowance = given ? exact : (_, value) => ulpAt(quant.outputDtype, value);
    compare('quant', quant.outputDtype, tokens, wanted, got, step, bound);
    if (quant.scheme !== 'fp8_static') {
      const wide = quant.scaleDtype ?? 'f32';
      compare(
        'scale',
        wide,
        tokens,
        wanted,
        got,
        given ? exact : (_, value) => Math.max(ulpAt(wide, value), Math.abs(value) * 2 ** -18),
        bound,
      );
    }
  });
  return [...comparers.values()].map((comparer) => comparer.result());
}
