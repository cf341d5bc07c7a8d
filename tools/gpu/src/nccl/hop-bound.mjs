import { fromBits, roundTo, ulpDistance } from '@arfuse/reference';

/** @typedef {'bf16' | 'f16' | 'f32'} Dtype */

/** Largest relative error of one rounding. @type {Readonly<Record<Dtype, number>>} */
const ROUNDOFF = { bf16: 2 ** -8, f16: 2 ** -11, f32: 2 ** -24 };

/** Values of stored elements. @param {Dtype} dtype @param {Uint8Array} bytes */
export function valuesOf(dtype, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = dtype === 'f32' ? 4 : 2;
  return Float64Array.from({ length: bytes.length / width }, (_, i) =>
    fromBits(dtype, width === 4 ? view.getUint32(i * 4, true) : view.getUint16(i * 2, true)),
  );
}

/**
 * How far results of the class `hopRounding` stand from the exact sum. In whatever order N values are added, N − 1 additions
 * that each round to the dtype leave the sum within ((1 + u)^(N − 1) − 1) · Σ|x|, where u is the error of one rounding; adding
 * a residual rounds once more.
 *
 * @param {{ dtype: Dtype, partials: readonly Float64Array[], residual?: Float64Array | undefined, found: Float64Array }} given
 * @returns {{ beyond: number, worst: number, ulps: Map<number, number> }} the first element beyond the bound or −1, the largest
 * error as a part of its bound, and a histogram of distances from the exact result rounded once
 */
export function hopErrors({ dtype, partials, residual, found }) {
  const roundoff = ROUNDOFF[dtype];
  const growth = (1 + roundoff) ** (partials.length - 1) - 1;
  /** @type {Map<number, number>} */
  const ulps = new Map();
  let beyond = -1;
  let worst = 0;
  for (const [i, value] of found.entries()) {
    let exact = 0;
    let magnitude = 0;
    for (const partial of partials) {
      const x = /** @type {number} */ (partial[i]);
      exact += x;
      magnitude += Math.abs(x);
    }
    let bound = growth * magnitude;
    if (residual) {
      exact += /** @type {number} */ (residual[i]);
      bound += roundoff * (Math.abs(exact) + bound);
    }
    const error = Math.abs(value - exact);
    if (!(error <= bound) && beyond < 0) beyond = i;
    if (bound > 0) worst = Math.max(worst, error / bound);
    const once = roundTo(dtype, exact);
    const distance = value === once ? 0 : ulpDistance(dtype, value, once);
    ulps.set(distance, (ulps.get(distance) ?? 0) + 1);
  }
  return { beyond, worst, ulps };
}
