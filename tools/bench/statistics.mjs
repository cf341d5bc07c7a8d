/**
 * @param {readonly number[]} samples not empty
 * @param {number} share 0 … 1
 */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** @param {readonly number[]} samples milliseconds */
export function summary(samples) {
  return {
    medianMs: round(quantile(samples, 0.5)),
    p10Ms: round(quantile(samples, 0.1)),
    p90Ms: round(quantile(samples, 0.9)),
    n: samples.length,
  };
}

/** Three decimals: microseconds. @param {number} value */
export function round(value) {
  return Math.round(value * 1000) / 1000;
}

/**
 * Exponent e of time ∝ size^e, by least squares over the logarithms.
 *
 * @param {readonly { size: number, ms: number }[]} points two or more
 */
export function exponent(points) {
  const logs = points.map(({ size, ms }) => /** @type {const} */ ([Math.log(size), Math.log(ms)]));
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}
