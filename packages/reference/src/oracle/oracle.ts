import {
  findStage,
  type IoDType,
  type NormAttributes,
  type NumericsRecord,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import { roundAll } from '../numeric/round.ts';
import type { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs, SiteResults } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import { quantiserOracle } from './quantiser-oracle.ts';

/** How exact arrays are between two points of the chain. Arrays are rounded in place and given back. */
interface Rounding {
  readonly isExact: boolean;
  /** To the activation dtype, where the record rounds. */
  io(x: Float64Array): Float64Array;
  /** To float32, where kernels compute in it. */
  single(x: Float64Array): Float64Array;
  singleOf(x: number): number;
}

const EXACT: Rounding = { isExact: true, io: (x) => x, single: (x) => x, singleOf: (x) => x };

function roundingOf(dtype: IoDType): Rounding {
  const rounded = (to: IoDType) => (x: Float64Array) => {
    roundAll(to, x);
    return x;
  };
  return { isExact: false, io: rounded(dtype), single: rounded('f32'), singleOf: Math.fround };
}

/**
 * The chain written down once more: array by array in float64, with a rounding pass wherever the record rounds, and
 * mean squares summed in float64. It shares only the number formats with the kernels, so that each checks the other.
 */
function evaluate(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  members: readonly number[],
  rank: number,
  rounding: Rounding,
): SiteResults {
  const { hidden, stages } = site;
  let x = allReduced(site, numerics, inputs, members, rank, rounding);
  const shape = [x.length / hidden, hidden];
  const results: Partial<Record<SiteOutput, RefTensor>> = {};
  const keep = (output: SiteOutput, data: Float64Array): void => {
    results[output] = { dtype: rounding.isExact ? 'f64' : site.dtype, shape, data };
  };
  keep('all_reduce', numerics.allReduceRounded ? x : rounding.io(x.slice()));
  let sum = x;
  let normed = x;
  for (const stage of stages) {
    switch (stage.kind) {
      case 'bias':
        x = rounding.io(rounding.single(plusRow(x, inputs.bias!.data)));
        keep('all_reduce', x);
        break;
      case 'scale':
        x = rounding.io(rounding.single(times(x, rounding.singleOf(stage.factor))));
        keep('all_reduce', x);
        break;
      case 'pre_norm': {
        const multiply = numerics.preNormWeightMultiply ?? stage.weightMultiply;
        x = rounding.io(rmsNorm(x, hidden, stage, inputs.preNormWeight?.data, multiply, rounding));
        keep('pre_norm', x);
        break;
      }
      case 'residual': {
        const { data } = inputs.residual!;
        const other =
          stage.factor === null
            ? data
            : rounding.io(rounding.single(times(data, rounding.singleOf(stage.factor))));
        sum = rounding.single(plus(x, other));
        x = rounding.io(sum.slice());
        keep('residual', x);
        break;
      }
      case 'norm': {
        const input = numerics.normInput === 'unrounded' && findStage(stages, 'residual') ? sum : x;
        normed = rmsNorm(
          input,
          hidden,
          stage,
          inputs.weight?.data,
          numerics.weightMultiply,
          rounding,
        );
        x = rounding.io(normed.slice());
        keep('norm', x);
        break;
      }
      case 'quant':
        if (!rounding.isExact) {
          const data = numerics.quantInput === 'unrounded' ? normed : x;
          Object.assign(
            results,
            quantiserOracle(
              { dtype: site.dtype, shape, data },
              stage,
              numerics.nan,
              inputs.scale?.data[0],
            ),
          );
        }
        break;
    }
  }
  return results;
}

/** What enters the chain behind the all-reduce and the merge of a rank. */
function allReduced(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  members: readonly number[],
  rank: number,
  rounding: Rounding,
): Float64Array {
  const of =
    (partial: number) =>
    (member: number): Float64Array =>
      inputs.partials[member]![partial]!.data;
  const merged = (left: Float64Array, right: Float64Array): Float64Array =>
    rounding.io(rounding.single(plus(left, right)));
  const sum = (arrays: readonly Float64Array[]): Float64Array =>
    sumOfRanks(arrays, numerics, rounding);
  const merges = findStage(site.stages, 'merge') !== undefined;
  if (!findStage(site.stages, 'all_reduce')) {
    // A run of stages behind the all-reduce continues from what is already reduced.
    return merges ? merged(of(0)(rank), of(1)(rank)) : of(0)(rank);
  }
  if (!merges) return sum(members.map(of(0)));
  if (numerics.mergedPartials)
    return sum(members.map((member) => merged(of(0)(member), of(1)(member))));
  return merged(sum(members.map(of(0))), sum(members.map(of(1))));
}

function sumOfRanks(
  partials: readonly Float64Array[],
  numerics: NumericsRecord,
  rounding: Rounding,
): Float64Array {
  const narrow = numerics.accumulate === 'io' || numerics.hopRounding === true;
  const hop = (x: Float64Array): Float64Array =>
    narrow ? rounding.io(rounding.single(x)) : rounding.single(x);
  const inTurn = (arrays: readonly Float64Array[]): Float64Array =>
    arrays.slice(1).reduce((total, array) => hop(plus(total, array)), arrays[0]!.slice());
  const inPairs = (arrays: readonly Float64Array[]): Float64Array => {
    if (arrays.length === 1) return arrays[0]!.slice();
    const half = Math.ceil(arrays.length / 2);
    return hop(plus(inPairs(arrays.slice(0, half)), inPairs(arrays.slice(half))));
  };
  let total: Float64Array;
  if (numerics.reduceOrder === 'ring') {
    // Chunk c is added up from rank c + 1 on.
    total = new Float64Array(partials[0]!.length);
    const chunk = Math.ceil(total.length / partials.length);
    for (let c = 0; c * chunk < total.length; c += 1) {
      const first = (c + 1) % partials.length;
      const turned = [...partials.slice(first), ...partials.slice(0, first)];
      total.set(
        inTurn(turned.map((partial) => partial.subarray(c * chunk, (c + 1) * chunk))),
        c * chunk,
      );
    }
  } else {
    total = numerics.reduceOrder === 'tree' ? inPairs(partials) : inTurn(partials);
  }
  return numerics.allReduceRounded ? rounding.io(total) : total;
}

function plus(left: Float64Array, right: Float64Array): Float64Array {
  const sum = new Float64Array(left.length);
  for (let i = 0; i < sum.length; i += 1) sum[i] = left[i]! + right[i]!;
  return sum;
}

function plusRow(x: Float64Array, row: Float64Array): Float64Array {
  const sum = new Float64Array(x.length);
  for (let i = 0; i < sum.length; i += 1) sum[i] = x[i]! + row[i % row.length]!;
  return sum;
}

function times(x: Float64Array, factor: number): Float64Array {
  const product = new Float64Array(x.length);
  for (let i = 0; i < product.length; i += 1) product[i] = x[i]! * factor;
  return product;
}

/** The normed value before its last rounding. */
function rmsNorm(
  x: Float64Array,
  hidden: number,
  attributes: NormAttributes,
  weight: Float64Array | undefined,
  multiply: 'before' | 'after',
  rounding: Rounding,
): Float64Array {
  const normed = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += hidden) {
    let squares = 0;
    for (let i = start; i < start + hidden; i += 1) squares += x[i]! * x[i]!;
    const deviation = Math.sqrt(rounding.singleOf(squares / hidden + attributes.eps));
    const scale = rounding.singleOf(1 / deviation);
    for (let i = start; i < start + hidden; i += 1) normed[i] = x[i]! * scale;
  }
  rounding.single(normed);
  if (attributes.weightDtype === null || !weight) return normed;
  if (multiply === 'after') rounding.io(normed);
  const gain = rounding.single(
    attributes.weightBias === 0 ? weight : weight.map((value) => 1 + value),
  );
  for (let i = 0; i < normed.length; i += 1) normed[i] = normed[i]! * gain[i % hidden]!;
  return rounding.single(normed);
}

/** Evaluates every rank; ranks that reduce together share their results. */
function onRanks(
  site: SiteClass,
  inputs: SiteInputs,
  ranks: SimulatedRanks,
  of: (members: readonly number[], rank: number) => SiteResults,
): SiteResults[] {
  const reduces = findStage(site.stages, 'all_reduce') !== undefined;
  const found: SiteResults[] = [];
  inputs.partials.forEach((_, rank) => {
    const members = ranks.members(site.group, rank);
    const first = members[0]!;
    found.push(reduces && first < rank ? found[first]! : of(members, rank));
  });
  return found;
}

/**
 * What steps of the given record must give: every rounding of the record, the mean of squares summed in float64.
 * Quantised elements are those of the oracle's own norm; compare them through {@link quantiserOracle} instead.
 */
export function oracle(
  site: SiteClass,
  numerics: NumericsRecord,
  inputs: SiteInputs,
  ranks: SimulatedRanks,
): SiteResults[] {
  const rounding = roundingOf(site.dtype);
  return onRanks(site, inputs, ranks, (members, rank) =>
    evaluate(site, numerics, inputs, members, rank, rounding),
  );
}

/** The real-valued function of the site in float64, without any rounding, up to the quantiser. */
export function idealSite(
  site: SiteClass,
  inputs: SiteInputs,
  ranks: SimulatedRanks,
): SiteResults[] {
  return onRanks(site, inputs, ranks, (members, rank) =>
    evaluate(site, site.numerics, inputs, members, rank, EXACT),
  );
}
