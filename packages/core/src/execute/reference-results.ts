import {
  findStage,
  type NumericsRecord,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import {
  executeSteps,
  idealSite,
  quantiserOracle,
  type RefTensor,
  SimulatedRanks,
  type SiteInputs,
  type SiteResults,
} from '@arfuse/reference';
import { lastNormRange, preNormRange } from '../verify/norm-range.ts';
import { ProgramBounds } from '../verify/program-bounds.ts';
import { realValues } from '../verify/real-values.ts';

/** What one output may be, elementwise. */
export interface Requirement {
  /** The reference's own result. */
  readonly expected: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly bound: string;
}

/** The reference adds in rank order in float32; libraries that may add otherwise get the bound of that. */
const RANK_ORDER = { accumulate: 'f32', reduceOrder: 'rank', hopRounding: false } as const;

function around(expected: Float64Array, allowance: (index: number) => number) {
  const low = new Float64Array(expected.length);
  const high = new Float64Array(expected.length);
  for (let i = 0; i < expected.length; i += 1) {
    const by = allowance(i);
    low[i] = expected[i]! - by;
    high[i] = expected[i]! + by;
  }
  return { low, high };
}

/**
 * What the steps of a segment must leave for given inputs: the reference backend's results by the segment's record, and how
 * far a GPU may be from them. Where an output shows what the next stage has read, that stage is held to what it read.
 */
export class ReferenceResults {
  readonly #site: SiteClass;
  readonly #numerics: NumericsRecord;
  readonly #inputs: SiteInputs;
  readonly #expected: SiteResults;
  readonly #bounds: ProgramBounds;
  readonly #allowances: ReadonlyMap<SiteOutput, Float64Array>;
  /** Whether the order of the sum over ranks leaves no choice. */
  readonly #exactSum: boolean;

  constructor(
    planned: SiteClass,
    segment: Pick<PlanSegment, 'steps' | 'numerics'>,
    inputs: SiteInputs,
  ) {
    const site = { ...planned, group: 0 };
    const size = inputs.partials.length;
    const ranks = new SimulatedRanks([{ name: 'group', size }]);
    const { numerics } = segment;
    const steps = placeSteps(planned, segment.steps).map(({ stages }) => ({
      stages,
      numerics: { ...numerics, ...RANK_ORDER },
    }));
    // The sum reaches the norm unrounded only inside one step.
    const split = !segment.steps.some(
      ({ covers }) => covers.includes('residual') && covers.includes('norm'),
    );
    this.#site = site;
    this.#numerics = split ? { ...numerics, normInput: 'rounded' } : numerics;
    this.#inputs = inputs;
    this.#expected = executeSteps(site, steps, inputs, ranks)[0]!;
    this.#exactSum =
      size <= 2 ||
      (numerics.reduceOrder === 'rank' &&
        numerics.accumulate !== 'io' &&
        numerics.hopRounding !== true);
    // Whatever order a library chooses is within the bound of a tree.
    const free = {
      accumulate: 'unspecified',
      reduceOrder: 'unspecified',
      hopRounding: 'unspecified',
    } as const;
    const taken = this.#exactSum
      ? RANK_ORDER
      : numerics.reduceOrder === 'unspecified'
        ? ({ reduceOrder: 'tree' } as const)
        : {};
    this.#bounds = new ProgramBounds(
      { ...site, numerics: { ...numerics, ...free } },
      { ...numerics, ...taken },
      [],
      size,
    );
    const ideal = idealSite(site, inputs, ranks)[0]!;
    this.#allowances = this.#bounds.allowances(realValues(site, ranks, inputs, ideal, 0));
  }

  /** Results of every output, whether the site keeps it or not. */
  get expected(): SiteResults {
    return this.#expected;
  }

  /**
   * What an output must be.
   * @param found - results of the same launch, of the first rows or fewer
   */
  requirement(output: SiteOutput, found: SiteResults): Requirement {
    const { length } = found[output]!.data;
    const expected = this.#expected[output]!.data.subarray(0, length);
    const known = this.#known(found);
    if (output === 'norm' || output === 'pre_norm') {
      const rangeOf = output === 'norm' ? lastNormRange : preNormRange;
      const range = rangeOf(this.#site, this.#numerics, this.#inputs, known);
      if (range) return { expected, ...range, bound: 'any order of float32 sums of its own input' };
    }
    const given = this.#quantised(output, known);
    if (given)
      return {
        expected,
        low: given.data,
        high: given.data,
        bound: 'equality, given its own norm',
      };
    const allowances = this.#allowances.get(output)!;
    const relative = output === 'scale';
    return {
      expected,
      ...around(expected, (i) => allowances[i]! * (relative ? Math.abs(expected[i]!) : 1)),
      bound: this.#bounds.describe(output),
    };
  }

  /** What the launch shows of its intermediate results, with those that can be nothing else. */
  #known(found: SiteResults): SiteResults {
    if (!this.#exactSum) return found;
    const { hidden } = this.#site;
    const rows = Object.values(found)[0]!.shape[0]!;
    const cut = (tensor: RefTensor | undefined) =>
      tensor && { ...tensor, shape: [rows, hidden], data: tensor.data.subarray(0, rows * hidden) };
    const sandwich = findStage(this.#site.stages, 'pre_norm') !== undefined;
    const sums: [SiteOutput, RefTensor | undefined][] = [
      ['all_reduce', cut(this.#expected.all_reduce)],
      ...(sandwich
        ? []
        : ([['residual', cut(this.#expected.residual)]] as [SiteOutput, RefTensor | undefined][])),
    ];
    return { ...Object.fromEntries(sums.filter(([, tensor]) => tensor)), ...found };
  }

  /** Elements or scales that follow from the launch's own norm. */
  #quantised(output: SiteOutput, found: SiteResults): RefTensor | undefined {
    const quant = findStage(this.#site.stages, 'quant');
    if (!quant || !found.norm || this.#numerics.quantInput !== 'rounded') return undefined;
    if (output !== 'quant' && output !== 'scale') return undefined;
    const scale = this.#inputs.scale?.data[0];
    return quantiserOracle(found.norm, quant, this.#numerics.nan, scale)[output];
  }
}
