import { fromBits, ulpDistance } from '@arfuse/reference';

/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/reference').ResultBytes} ResultBytes */

/** Kernels whose results are the reference's bit for bit: they sum in the same order and normalise in the same tree. */
const EXACT = /^@arfuse\/(symm-mem|native)\//;

/** Whether results must be the reference's bit for bit. @param {import('@arfuse/contract').PlanSegment} segment */
export const isExact = ({ steps }) => steps.every(({ kernel }) => EXACT.test(kernel));

/**
 * Distances of codes in ULP, as a histogram.
 *
 * @param {import('@arfuse/contract').DType} dtype
 * @param {Uint8Array} found
 * @param {Uint8Array} expected
 * @param {Map<number, number>} histogram
 */
export function countUlps(dtype, found, expected, histogram) {
  const width = dtype === 'f32' ? 4 : dtype === 'bf16' || dtype === 'f16' ? 2 : 1;
  const view = (/** @type {Uint8Array} */ bytes) =>
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [a, b] = [view(found), view(expected)];
  const code = (/** @type {DataView} */ of, /** @type {number} */ at) =>
    width === 4 ? of.getUint32(at, true) : width === 2 ? of.getUint16(at, true) : of.getUint8(at);
  if (Buffer.compare(found, expected) === 0) {
    histogram.set(0, (histogram.get(0) ?? 0) + expected.length / width);
    return 0;
  }
  let worst = 0;
  for (let at = 0; at < expected.length; at += width) {
    const [x, y] = [code(a, at), code(b, at)];
    const ulps = x === y ? 0 : ulpDistance(dtype, fromBits(dtype, x), fromBits(dtype, y));
    histogram.set(ulps, (histogram.get(ulps) ?? 0) + 1);
    worst = Math.max(worst, ulps);
  }
  return worst;
}

/** Bytes of the scales of a launch; see the layouts of the quantise stage. @param {SiteClass} site @param {number} rows */
export function scaleBytesOf(site, rows) {
  const quant = site.stages.find((stage) => stage.kind === 'quant');
  if (quant?.kind !== 'quant' || quant.scaleDtype === null) return undefined;
  if (quant.groupSize === null) return rows * 4;
  const words = Math.ceil(site.hidden / quant.groupSize / 4);
  return 4 * (rows + (words - 1) * 4 * Math.ceil(rows / 4));
}
