import type { Point } from './series.ts';

/** A time read off a series, and the points it was read from: one, or the two neighbours. */
export interface Reading {
  readonly us: number;
  readonly spread?: number;
  readonly from: readonly [Point] | readonly [Point, Point];
}

/** Microseconds with nanosecond steps, so that the last bits of a logarithm never reach a plan. */
export function toNanoseconds(us: number): number {
  return Math.round(us * 1000) / 1000;
}

/** Straight line between two points in log-log coordinates. */
export function between(low: Point, high: Point, bytes: number): number {
  const at = Math.log(bytes / low.bytes) / Math.log(high.bytes / low.bytes);
  return Math.exp(Math.log(low.us) + at * Math.log(high.us / low.us));
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.max(a, b);
}

/**
 * The time at a message size: the point itself where one was measured, log-log interpolation between neighbours,
 * undefined outside the measured range.
 * @param points - ascending in bytes
 */
export function read(points: readonly Point[], bytes: number): Reading | undefined {
  let low = 0;
  let high = points.length - 1;
  if (high < 0 || bytes < points[low]!.bytes || bytes > points[high]!.bytes) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle]!.bytes <= bytes) low = middle;
    else high = middle;
  }
  for (const hit of [points[low]!, points[high]!]) {
    if (hit.bytes === bytes)
      return {
        us: hit.us,
        ...(hit.spread === undefined ? {} : { spread: hit.spread }),
        from: [hit],
      };
  }
  const [a, b] = [points[low]!, points[high]!];
  const spread = larger(a.spread, b.spread);
  return {
    us: toNanoseconds(between(a, b, bytes)),
    ...(spread === undefined ? {} : { spread }),
    from: [a, b],
  };
}

/** Mean relative error when each inner point is left out and read off its neighbours; undefined below three points. */
export function leaveOneOut(points: readonly Point[]): number | undefined {
  if (points.length < 3) return undefined;
  let sum = 0;
  for (let i = 1; i < points.length - 1; i += 1) {
    const { bytes, us } = points[i]!;
    sum += Math.abs(between(points[i - 1]!, points[i + 1]!, bytes) - us) / us;
  }
  return sum / (points.length - 2);
}
