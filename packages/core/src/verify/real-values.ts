import type { SiteClass } from '@arfuse/contract';
import type { SimulatedRanks, SiteInputs, SiteResults } from '@arfuse/reference';

/** Real-valued intermediates of one class on one rank, `[rows, hidden]`, from the site without rounding. */
export interface RealValues {
  /** Sum over ranks of the absolute partials. */
  readonly magnitude: Float64Array;
  /** `[hidden]`. */
  readonly bias: Float64Array | undefined;
  /** Static scale of the quantiser. */
  readonly scale: number | undefined;
  readonly allReduce: Float64Array;
  readonly residual: Float64Array | undefined;
  readonly preNorm: Float64Array | undefined;
  readonly norm: Float64Array;
}

/**
 * The intermediates of a rank.
 * @param ideal - its results without rounding
 */
export function realValues(
  site: SiteClass,
  ranks: SimulatedRanks,
  inputs: SiteInputs,
  ideal: SiteResults,
  rank: number,
): RealValues {
  const magnitude = new Float64Array(ideal.all_reduce!.data.length);
  for (const member of ranks.members(site.group, rank)) {
    for (const { data } of inputs.partials[member]!) {
      for (let i = 0; i < magnitude.length; i += 1)
        magnitude[i] = magnitude[i]! + Math.abs(data[i]!);
    }
  }
  return {
    magnitude,
    bias: inputs.bias?.data,
    scale: inputs.scale?.data[0],
    allReduce: ideal.all_reduce!.data,
    residual: ideal.residual?.data,
    preNorm: ideal.pre_norm?.data,
    norm: ideal.norm!.data,
  };
}
