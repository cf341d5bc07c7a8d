import {
  type NumericsRecord,
  type SiteClass,
  type SiteOutput,
  type Stage,
  UnsupportedError,
} from '@arfuse/contract';
import { roundAll } from '../numeric/round.ts';
import type { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs, SiteResults } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import { rmsNorm } from './norm.ts';
import { quantise } from './quantise.ts';
import { allReduce } from './reduce.ts';

/** A run of stages and the record of the kernel that performs it. */
export interface ReferenceStep {
  readonly stages: readonly Stage[];
  readonly numerics: NumericsRecord;
}

/** What travels along the chain, and what it left: of one rank, or of ranks that hold the same values. */
interface State {
  /** One array, or two while the partials of a merged pair are apart. */
  current: readonly Float64Array[];
  /** The sum before rounding, only within the step that added it. */
  unrounded: Float64Array | undefined;
  /** The normed value before its last rounding, only within its step. */
  normed: Float64Array | undefined;
  readonly results: Partial<Record<SiteOutput, RefTensor>>;
}

type Dims = Pick<SiteClass, 'hidden' | 'dtype' | 'group'>;

class Chain {
  readonly #site: Dims;
  readonly #inputs: SiteInputs;
  readonly #ranks: SimulatedRanks;
  /** By rank. Ranks that reduced together share one state: from there on all of them compute the same. */
  readonly #states: State[];
  readonly #rows: number;

  constructor(site: Dims, inputs: SiteInputs, ranks: SimulatedRanks) {
    this.#site = site;
    this.#inputs = inputs;
    this.#ranks = ranks;
    this.#rows = inputs.partials[0]![0]!.data.length / site.hidden;
    this.#states = inputs.partials.map((partials) => ({
      current: partials.map((partial) => partial.data),
      unrounded: undefined,
      normed: undefined,
      results: {},
    }));
  }

  run(step: ReferenceStep): void {
    for (const stage of step.stages) {
      if (stage.kind === 'all_reduce') this.#allReduce(stage.partial, step.numerics);
      else for (const state of new Set(this.#states)) this.#local(stage, step.numerics, state);
    }
    // Nothing but what is stored in the activation dtype crosses from one kernel to the next.
    for (const state of new Set(this.#states)) {
      state.unrounded = undefined;
      state.normed = undefined;
      if (!step.numerics.allReduceRounded)
        state.current = state.current.map((x) => this.#rounded(x.slice()));
    }
  }

  results(): SiteResults[] {
    return this.#states.map((state) => state.results);
  }

  /** Rounds to the activation dtype in place. */
  #rounded(data: Float64Array): Float64Array {
    roundAll(this.#site.dtype, data);
    return data;
  }

  #store({ results }: State, output: SiteOutput, data: Float64Array): void {
    results[output] = { dtype: this.#site.dtype, shape: [this.#rows, this.#site.hidden], data };
  }

  /** Goes on with `data`, which the all-reduce and what belongs to it leave. */
  #reduced(state: State, data: Float64Array): void {
    state.current = [data];
    this.#store(state, 'all_reduce', data);
  }

  #allReduce(partial: 0 | 1 | undefined, numerics: NumericsRecord): void {
    const { group, dtype } = this.#site;
    const at = partial ?? 0;
    const before = this.#states.map((state) => state.current);
    this.#states.forEach((state, rank) => {
      const members = this.#ranks.members(group, rank);
      const leader = this.#states[members[0]!]!;
      if (state === leader) {
        const sum = allReduce(
          members.map((member) => before[member]![at]!),
          dtype,
          numerics,
        );
        state.current = partial === undefined ? [sum] : state.current.with(at, sum);
        if (partial !== undefined) return;
        this.#store(
          state,
          'all_reduce',
          numerics.allReduceRounded ? sum : this.#rounded(sum.slice()),
        );
        return;
      }
      state.current =
        partial === undefined ? leader.current : state.current.with(at, leader.current[at]!);
      if (state.current.every((data, i) => data === leader.current[i])) this.#states[rank] = leader;
    });
  }

  #local(stage: Stage, numerics: NumericsRecord, state: State): void {
    const { hidden, dtype } = this.#site;
    const x = state.current[0]!;
    switch (stage.kind) {
      case 'merge':
        this.#reduced(state, this.#rounded(added(x, state.current[1]!)));
        return;
      case 'bias':
        this.#reduced(state, this.#rounded(added(x, this.#input('bias').data)));
        return;
      case 'scale':
        this.#reduced(state, this.#rounded(scaled(x, stage.factor)));
        return;
      case 'pre_norm': {
        const weight = stage.weightDtype === null ? undefined : this.#input('preNormWeight').data;
        const multiply = numerics.preNormWeightMultiply ?? stage.weightMultiply;
        const { rounded } = rmsNorm(x, hidden, stage, weight, multiply, dtype);
        state.current = [rounded];
        this.#store(state, 'pre_norm', rounded);
        return;
      }
      case 'residual': {
        const { data } = this.#input('residual');
        const sum = added(
          x,
          stage.factor === null ? data : this.#rounded(scaled(data, stage.factor)),
        );
        const rounded = this.#rounded(sum.slice());
        state.unrounded = sum;
        state.current = [rounded];
        this.#store(state, 'residual', rounded);
        return;
      }
      case 'norm': {
        const weight = stage.weightDtype === null ? undefined : this.#input('weight').data;
        const input = numerics.normInput === 'unrounded' && state.unrounded ? state.unrounded : x;
        const { rounded, unrounded } = rmsNorm(
          input,
          hidden,
          stage,
          weight,
          numerics.weightMultiply,
          dtype,
        );
        state.current = [rounded];
        state.normed = unrounded;
        this.#store(state, 'norm', rounded);
        return;
      }
      case 'quant': {
        const input = numerics.quantInput === 'unrounded' && state.normed ? state.normed : x;
        const { quant, scale } = quantise(
          input,
          this.#rows,
          hidden,
          stage,
          numerics.nan,
          this.#inputs.scale?.data[0],
        );
        state.results.quant = quant;
        if (scale) state.results.scale = scale;
        return;
      }
      case 'all_reduce':
        return;
    }
  }

  #input(name: 'bias' | 'preNormWeight' | 'residual' | 'weight'): RefTensor {
    const tensor = this.#inputs[name];
    if (!tensor) {
      throw new UnsupportedError({
        message: `the site needs an input "${name}", which was not given.`,
        hint: 'Give every input that the stages of the site name.',
      });
    }
    return tensor;
  }
}

/** Float32 sums with an array of the same size, or with one row for all rows. */
function added(x: Float64Array, other: Float64Array): Float64Array {
  const sum = new Float64Array(x.length);
  const size = other.length;
  for (let start = 0; start < x.length; start += size) {
    for (let i = 0; i < size; i += 1) sum[start + i] = Math.fround(x[start + i]! + other[i]!);
  }
  return sum;
}

/** Float32 products with a float32 factor. */
function scaled(x: Float64Array, factor: number): Float64Array {
  const single = Math.fround(factor);
  const product = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 1) product[i] = Math.fround(x[i]! * single);
  return product;
}

/**
 * Executes the steps of a site on simulated ranks, in the kernels' float32 arithmetic and with the rounding points of
 * their records. A kernel of any backend can be simulated from its declared record alone.
 *
 * @param site - hidden size, dtype and group ordinal
 * @param inputs - partials of every rank of `ranks`, and what all ranks share
 * @returns results of every rank: each stage's result, whether the site keeps it or not
 */
export function executeSteps(
  site: Dims,
  steps: readonly ReferenceStep[],
  inputs: SiteInputs,
  ranks: SimulatedRanks,
): SiteResults[] {
  const chain = new Chain(site, inputs, ranks);
  for (const step of steps) chain.run(step);
  return chain.results();
}
