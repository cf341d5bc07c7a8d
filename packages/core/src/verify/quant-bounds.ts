import type { DType, QuantAttributes } from '@arfuse/contract';
import { ulpAt } from './ulp.ts';

/** Largest finite element of the formats that quantisers write. */
const LARGEST: Readonly<Partial<Record<DType, number>>> = {
  f8e4m3fn: 448,
  f8e5m2: 57344,
  f4e2m1fnx2: 6,
};

/** Largest relative step of a scale whose unrounded value moves: UE8M0 goes to the next power of two. */
const SCALE_STEP: Readonly<Partial<Record<DType, number>>> = { f8e8m0fnu: 1, f8e4m3fn: 2 ** -3 };

export interface QuantAllowances {
  /** Per element `[rows, hidden]`. */
  readonly elements: Float64Array;
  /** Per scale `[rows, groups]`; empty for a static scale. */
  readonly scales: Float64Array;
}

/**
 * How far quantised elements and scales may be apart when the normed values are: a scale follows the largest distance of
 * its group and may round to the next scale; an element follows its own distance and its scale's, and may round to the
 * next code. One that is given the same norm must be equal, which is compared apart from this.
 */
export function quantAllowances(
  quant: QuantAttributes,
  hidden: number,
  norm: Float64Array,
  distance: Float64Array,
  staticScale: number | undefined,
): QuantAllowances {
  const size = quant.scheme === 'fp8_static' ? norm.length : (quant.groupSize ?? hidden);
  const largest = LARGEST[quant.outputDtype] ?? 1;
  const elements = new Float64Array(norm.length);
  const scales = new Float64Array(Math.ceil(norm.length / size));
  for (let start = 0; start < norm.length; start += size) {
    const end = Math.min(norm.length, start + size);
    let peak = 0;
    let moved = 0;
    for (let i = start; i < end; i += 1) {
      peak = Math.max(peak, Math.abs(norm[i]!));
      moved = Math.max(moved, distance[i]!);
    }
    // Codes per unit of the normed value, and the scale's relative distance.
    let gain = 1 / (staticScale ?? 1);
    let scale = 0;
    if (quant.scheme !== 'fp8_static') {
      gain = peak === 0 ? 0 : largest / peak;
      scale = peak === 0 ? 0 : moved / peak + (SCALE_STEP[quant.scaleDtype ?? 'f32'] ?? 2 ** -20);
    }
    scales[start / size] = scale;
    for (let i = start; i < end; i += 1) {
      const code = Math.min(largest, Math.abs(norm[i]!) * gain);
      const shift = distance[i]! * gain * (1 + scale) + code * scale;
      elements[i] = shift + ulpAt(quant.outputDtype, Math.min(largest, code + shift));
    }
  }
  return { elements, scales };
}
