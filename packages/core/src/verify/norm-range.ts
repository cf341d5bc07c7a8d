import {
  findStage,
  type NormAttributes,
  type NumericsRecord,
  type SiteClass,
} from '@arfuse/contract';
import {
  type RefTensor,
  roundAll,
  roundTo,
  type SiteInputs,
  type SiteResults,
} from '@arfuse/reference';

/** The least and the largest result that one record allows, elementwise. */
export interface Range {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * Everything that a norm of the given record may give for `x`: how float32 sums the squares moves the factor
 * `rsqrt(mean + eps)` by at most (16 + log2 hidden) roundoffs, and every rounding behind it is monotone.
 * @param multiply - place of the weight multiply; 'after' rounds twice
 */
export function normRange(
  site: Pick<SiteClass, 'hidden' | 'dtype'>,
  norm: NormAttributes,
  multiply: 'before' | 'after',
  x: Float64Array,
  weight: Float64Array | undefined,
): Range {
  const spread = (16 + Math.log2(site.hidden)) * 2 ** -24;
  const low = scaledNorm(site, norm, multiply, x, weight, 1 - spread);
  const high = scaledNorm(site, norm, multiply, x, weight, 1 + spread);
  for (let i = 0; i < x.length; i += 1) {
    const [a, b] = [low[i]!, high[i]!];
    low[i] = Math.min(a, b);
    high[i] = Math.max(a, b);
  }
  return { low, high };
}

/** The norm with its factor moved by `by`. */
function scaledNorm(
  { hidden, dtype }: Pick<SiteClass, 'hidden' | 'dtype'>,
  norm: NormAttributes,
  multiply: 'before' | 'after',
  x: Float64Array,
  weight: Float64Array | undefined,
  by: number,
): Float64Array {
  const normed = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += hidden) {
    let squares = 0;
    for (let i = row; i < row + hidden; i += 1) squares += x[i]! * x[i]!;
    const scale = (1 / Math.sqrt(squares / hidden + norm.eps)) * by;
    for (let i = row; i < row + hidden; i += 1) normed[i] = x[i]! * scale;
  }
  const round = (): void => {
    for (let i = 0; i < normed.length; i += 1) normed[i] = Math.fround(normed[i]!);
    roundAll(dtype, normed);
  };
  if (multiply === 'after') round();
  if (weight)
    for (let i = 0; i < normed.length; i += 1)
      normed[i] = normed[i]! * (norm.weightBias + weight[i % hidden]!);
  round();
  return normed;
}

/** The nearest result inside the range: what is expected of `found`. */
export function nearest({ low, high }: Range, found: RefTensor): RefTensor {
  return {
    ...found,
    data: found.data.map((value, i) =>
      value >= low[i]! && value <= high[i]! ? value : value > high[i]! ? high[i]! : low[i]!,
    ),
  };
}

/**
 * Range of the last norm, given what stands before it; undefined where that is not known.
 * @param before - results of the same rank that the norm continues from
 */
export function lastNormRange(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  before: SiteResults,
): Range | undefined {
  const norm = findStage(site.stages, 'norm');
  const x = normInput(site, numerics, inputs, before);
  return norm && x
    ? normRange(
        site,
        norm,
        numerics.weightMultiply,
        x,
        norm.weightDtype === null ? undefined : inputs.weight?.data,
      )
    : undefined;
}

/** Range of the first norm of a sandwich. */
export function preNormRange(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  before: SiteResults,
): Range | undefined {
  const norm = findStage(site.stages, 'pre_norm');
  if (!norm || !before.all_reduce || !numerics.allReduceRounded) return undefined;
  const weight = norm.weightDtype === null ? undefined : inputs.preNormWeight?.data;
  return normRange(
    site,
    norm,
    numerics.preNormWeightMultiply ?? norm.weightMultiply,
    before.all_reduce.data,
    weight,
  );
}

function normInput(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  before: SiteResults,
): Float64Array | undefined {
  const residual = findStage(site.stages, 'residual');
  if (residual && numerics.normInput === 'rounded') return before.residual?.data;
  const sandwich = findStage(site.stages, 'pre_norm') !== undefined;
  if (!sandwich && !numerics.allReduceRounded) return undefined;
  const reduced = (sandwich ? before.pre_norm : before.all_reduce)?.data;
  if (!residual || !reduced) return reduced;
  const { factor } = residual;
  const other = inputs.residual!.data;
  return reduced.map((value, i) =>
    Math.fround(
      value +
        (factor === null
          ? other[i]!
          : roundTo(site.dtype, Math.fround(other[i]! * Math.fround(factor)))),
    ),
  );
}
