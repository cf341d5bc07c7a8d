import { quantile } from '../../../bench/statistics.mjs';

/** @typedef {{ medianUs: number, p10Us: number, p90Us: number, n: number }} Times */

/** Nanoseconds are noise. @param {number} us */
const rounded = (us) => Math.round(us * 1000) / 1000;

/** @param {readonly number[]} us not empty @returns {Times} */
export function timesOf(us) {
  return {
    medianUs: rounded(quantile(us, 0.5)),
    p10Us: rounded(quantile(us, 0.1)),
    p90Us: rounded(quantile(us, 0.9)),
    n: us.length,
  };
}

/** @param {readonly (string | number)[]} cells @param {number} [width] */
export function printLine(cells, width = 11) {
  console.log(cells.map((cell) => String(cell).padStart(width)).join(''));
}
