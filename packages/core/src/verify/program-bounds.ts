import {
  type Deviation,
  findStage,
  type IoDType,
  type NumericsRecord,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import { quantAllowances } from './quant-bounds.ts';
import type { RealValues } from './real-values.ts';

/** Unit roundoff (half the distance from 1 to the next value) and smallest subnormal of the activation dtypes. */
const FORMATS: Readonly<Record<IoDType, readonly [roundoff: number, subnormal: number]>> = {
  bf16: [2 ** -8, 2 ** -133],
  f16: [2 ** -11, 2 ** -24],
  f32: [2 ** -24, 2 ** -149],
};

const FLOAT32_ROUNDOFF = 2 ** -24;

/**
 * How far the steps may be from the program, per element and absolute, with roundoff `u` of the activation dtype and
 * `v` of float32 and N ranks. A distance `d` before a rounding is at most `d + ulp ≤ d + 2u|x| + η` behind it; where
 * both compute the same thing from the same values, it stays 0.
 * - reduction: the program adds in rank order in float32. Another order moves the sum by `2(N−1)·v·Σ|pᵣ|`; hops that
 *   round to the activation dtype by `(N−1)·u·Σ|pᵣ|`. Two ranks have one order and no hop before the last rounding.
 * - merging the partials rounds each rank's sum (`u·Σ|pᵣ|`) instead of the two reduced ones (`u·Σ|pᵣ|`); unmerged
 *   sums that move may each round to a neighbour (`2u·Σ|pᵣ|`).
 * - bias, scale and residual carry the distance on and round once.
 * - norm: `y = x·r·g`. The distance of the input gives `d·r·g`, its effect on the mean square changes r by
 *   `ρ = (1 − Σ(2|x|d + d²)/Σx²)^−½ − 1`; `normInput` adds half an ULP to the input; each rounding (two when either side
 *   multiplies by the weight after the down-cast, else one) may differ by an ULP, for float32 sums in another order move
 *   every value.
 */
export class ProgramBounds {
  readonly #site: SiteClass;
  readonly #steps: NumericsRecord;
  readonly #names: ReadonlySet<string>;
  readonly #roundoff: number;
  readonly #subnormal: number;
  readonly #ranks: number;
  readonly #known = new Map<RealValues, ReadonlyMap<SiteOutput, Float64Array>>();

  constructor(
    site: SiteClass,
    steps: NumericsRecord,
    deviations: readonly Deviation[],
    ranks: number,
  ) {
    this.#site = site;
    this.#steps = steps;
    this.#names = new Set(deviations.map((deviation) => deviation.name));
    [this.#roundoff, this.#subnormal] = FORMATS[site.dtype];
    this.#ranks = ranks;
  }

  /** What is required, in words; lists the deviations that pay for it. */
  describe(output: SiteOutput): string {
    const causes = [...this.#names];
    if (this.#reduction() > 0) causes.push('reduction left to the library');
    if (output === 'all_reduce' || output === 'residual') {
      if (this.#reduction() === 0 && !findStage(this.#site.stages, 'pre_norm')) return 'equality';
    } else causes.push('float32 rounding of the mean square');
    return `rounding bound of ${causes.join(', ')}`;
  }

  /** Whether steps and program round the same values in the same places. */
  get isSameRecord(): boolean {
    return this.#site.dtype !== 'f32' && this.#names.size === 0 && this.#reduction() === 0;
  }

  /** Whether the program leaves the field to its library, or the plan lists it as a deviation. */
  #isFree(field: 'accumulate' | 'hopRounding' | 'reduceOrder'): boolean {
    return this.#site.numerics[field] === 'unspecified' || this.#names.has(field);
  }

  /** How far the sum over ranks may move before its rounding, as a fraction of `Σ|pᵣ|`. */
  #reduction(): number {
    const { accumulate, hopRounding, reduceOrder } = this.#steps;
    const merges = findStage(this.#site.stages, 'merge') !== undefined;
    let fraction = 0;
    if (this.#ranks > 2) {
      const isNarrow =
        (accumulate === 'io' && this.#isFree('accumulate')) ||
        (hopRounding === true && this.#isFree('hopRounding'));
      if (isNarrow) fraction += (this.#ranks - 1) * (this.#roundoff + FLOAT32_ROUNDOFF);
      else if (
        reduceOrder !== 'rank' &&
        reduceOrder !== 'unspecified' &&
        this.#isFree('reduceOrder')
      )
        fraction += 2 * (this.#ranks - 1) * FLOAT32_ROUNDOFF;
    }
    if (merges && (fraction > 0 || this.#names.has('mergedPartials'))) {
      fraction += 2 * this.#roundoff;
    }
    // Running sums may exceed the exact ones by the roundings so far.
    return fraction * (1 + this.#ranks * this.#roundoff);
  }

  /** Absolute allowance of every output, elementwise. */
  allowances(real: RealValues): ReadonlyMap<SiteOutput, Float64Array> {
    let found = this.#known.get(real);
    if (!found) {
      found = this.#allowances(real);
      this.#known.set(real, found);
    }
    return found;
  }

  #allowances(real: RealValues): ReadonlyMap<SiteOutput, Float64Array> {
    const { stages, numerics } = this.#site;
    const found = new Map<SiteOutput, Float64Array>();
    let distance = this.#reduced(real);
    found.set('all_reduce', distance);
    if (this.#names.has('allReduceRounded')) distance = this.#plusHalfUlp(distance, real.allReduce);
    let input = real.allReduce;
    if (real.preNorm) {
      const roundings =
        numerics.preNormWeightMultiply === 'after' || this.#steps.preNormWeightMultiply === 'after'
          ? 2
          : 1;
      distance = this.#normed(distance, input, real.preNorm, roundings);
      found.set('pre_norm', distance);
      input = real.preNorm;
    }
    if (real.residual) {
      distance = distance.map((moved, i) => this.#rounded(moved, real.residual![i]!));
      found.set('residual', distance);
      input = real.residual;
    }
    if (this.#names.has('normInput')) distance = this.#plusHalfUlp(distance, input);
    const roundings =
      numerics.weightMultiply === 'after' || this.#steps.weightMultiply === 'after' ? 2 : 1;
    distance = this.#normed(distance, input, real.norm, roundings);
    found.set('norm', distance);
    const quant = findStage(stages, 'quant');
    if (quant) {
      if (this.#names.has('quantInput')) distance = this.#plusHalfUlp(distance, real.norm);
      const { elements, scales } = quantAllowances(
        quant,
        this.#site.hidden,
        real.norm,
        distance,
        real.scale,
      );
      found.set('quant', elements);
      found.set('scale', scales);
    }
    return found;
  }

  /** Behind a rounding, a distance grows by one ULP; values that are equal stay equal. */
  #rounded(distance: number, value: number): number {
    return distance === 0
      ? 0
      : distance + 2 * this.#roundoff * (Math.abs(value) + distance) + this.#subnormal;
  }

  #plusHalfUlp(distance: Float64Array, value: Float64Array): Float64Array {
    return distance.map(
      (moved, i) => moved + this.#roundoff * (Math.abs(value[i]!) + moved) + this.#subnormal,
    );
  }

  /** Distance of what the all-reduce, the bias and the scale leave. */
  #reduced({ magnitude, bias }: RealValues): Float64Array {
    const fraction = this.#reduction();
    const distance = new Float64Array(magnitude.length);
    if (fraction === 0) return distance;
    const { hidden, stages } = this.#site;
    for (let i = 0; i < distance.length; i += 1) {
      // No intermediate is larger than the sum of the magnitudes that it is made of.
      let size = magnitude[i]!;
      let moved = this.#rounded(fraction * size, size);
      for (const stage of stages) {
        if (stage.kind === 'bias') size += Math.abs(bias![i % hidden]!);
        else if (stage.kind === 'scale') {
          size *= Math.abs(stage.factor);
          moved *= Math.abs(stage.factor);
        } else continue;
        moved = this.#rounded(moved, size);
      }
      distance[i] = moved;
    }
    return distance;
  }

  #normed(
    distance: Float64Array,
    input: Float64Array,
    output: Float64Array,
    roundings: number,
  ): Float64Array {
    const { hidden } = this.#site;
    const bound = new Float64Array(output.length);
    // Squares, their sum in lanes and a tree, mean, eps, square root, reciprocal, two products; on both sides.
    const float32 = (16 + Math.log2(hidden)) * FLOAT32_ROUNDOFF;
    for (let row = 0; row < output.length; row += hidden) {
      let squares = 0;
      let moved = 0;
      let steepest = 0;
      for (let i = row; i < row + hidden; i += 1) {
        const x = Math.abs(input[i]!);
        squares += x * x;
        moved += distance[i]! * (2 * x + distance[i]!);
        if (x !== 0) steepest = Math.max(steepest, Math.abs(output[i]!) / x);
      }
      const share = moved === 0 ? 0 : moved / squares;
      const scale = share < 1 ? 1 / Math.sqrt(1 - share) - 1 : Number.POSITIVE_INFINITY;
      for (let i = row; i < row + hidden; i += 1) {
        const y = Math.abs(output[i]!);
        // `r·g` of the element; an element that is 0 does not tell it, so twice the row's largest stands for it.
        const slope = input[i] === 0 ? 2 * steepest : y / Math.abs(input[i]!);
        const before =
          (distance[i] === 0 ? 0 : distance[i]! * slope * (1 + scale)) +
          (y === 0 ? 0 : y * (scale + float32));
        bound[i] = before + roundings * (2 * this.#roundoff * (y + before) + 2 * this.#subnormal);
      }
    }
    return bound;
  }
}
