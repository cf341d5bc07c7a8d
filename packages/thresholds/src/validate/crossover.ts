import type { MeasuredTable } from '@arfuse/contract';
import { between } from '../lookup/interpolate.ts';
import { type Point, type Series, seriesOf } from '../lookup/series.ts';
import type { TableFinding } from './findings.ts';
import { linkRate } from './wire-bound.ts';

/** What kernels reach of the nominal link rate: 370 of 450 GB/s, by NCCL's developers (nccl-tests #212). */
const EFFECTIVE = 370 / 450;

/** Extra latency of a two-shot's second exchange, microseconds, that measured boxes show. */
const GAP_US = { min: 0.5, max: 5 } as const;

/** Sizes at which two series were both measured. */
function common(a: readonly Point[], b: readonly Point[]): (readonly [Point, Point])[] {
  return a.flatMap((point) => {
    const other = b.find(({ bytes }) => bytes === point.bytes);
    return other ? [[point, other] as const] : [];
  });
}

/** Message size at which the two-shot form overtakes, halving the interval between common sizes; undefined when it never does. */
function crossover(one: Series, two: Series): { bytes: number; row: number } | undefined {
  const pairs = common(one.points, two.points);
  for (const [i, [a, b]] of pairs.entries()) {
    const [c, d] = pairs[i + 1] ?? [];
    if (!c || !d || a.us >= b.us || c.us < d.us) continue;
    let [low, high] = [a.bytes, c.bytes];
    for (let step = 0; step < 40; step += 1) {
      const middle = Math.sqrt(low * high);
      if (between(a, c, middle) < between(b, d, middle)) low = middle;
      else high = middle;
    }
    return { bytes: high, row: d.row };
  }
  return undefined;
}

/** The two-shot twin of a one-shot kernel id, e.g. `…/one-shot` → `…/two-shot`. */
function twin(kernel: string): string | undefined {
  const name = kernel.replace(/one([-_](?:shot|stage))$/, 'two$1');
  return name === kernel ? undefined : name;
}

/**
 * Warns about groups of four and more whose one-shot and two-shot forms cross where no latency explains it. With
 * effective rate B the forms cross at `S = ΔL·B / ((N−1)(1−2/N))`; a crossover that implies an extra latency ΔL
 * outside 0.5–5 us says that one of the two columns is wrong. (Groups of two move the same bytes in both forms.)
 */
export function crossoverWarnings(table: MeasuredTable): TableFinding[] {
  const all = seriesOf(table);
  const warnings: TableFinding[] = [];
  for (const one of all) {
    const { key, hidden, variant } = one;
    const name = one.kernels.length === 1 ? twin(one.kernels[0]!) : undefined;
    const rate = linkRate(key);
    if (!name || rate === undefined || key.groupSize < 4) continue;
    const two = all.find(
      (other) =>
        other.kernels.length === 1 &&
        other.kernels[0] === name &&
        other.hidden === hidden &&
        other.variant === variant &&
        JSON.stringify(other.key) === JSON.stringify(key),
    );
    const found = two && crossover(one, two);
    if (!found) continue;
    const n = key.groupSize;
    const gap = (found.bytes * (n - 1) * (1 - 2 / n)) / (rate * EFFECTIVE * 1000);
    if (gap >= GAP_US.min && gap <= GAP_US.max) continue;
    warnings.push({
      row: found.row,
      code: 'crossover',
      message: `${one.kernels[0]} and ${name} cross at ${Math.round(found.bytes / 1024)} KiB for ${n} ranks, which needs an extra latency of ${gap.toFixed(2)} us; ${GAP_US.min} to ${GAP_US.max} us are known.`,
    });
  }
  return warnings;
}
