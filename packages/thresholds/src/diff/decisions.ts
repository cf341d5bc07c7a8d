import type { LimitsTable, MeasuredTable, ThresholdTable } from '@arfuse/contract';
import { read } from '../lookup/interpolate.ts';
import { withinLimit } from '../lookup/published.ts';
import { kernelsKey, type Series, seriesOf } from '../lookup/series.ts';

/** Token counts at which a table's decisions are compared: 1, 2, 4 … 16384. */
export const DECISION_GRID: readonly number[] = Array.from(
  { length: 15 },
  (_, power) => 2 ** power,
);

/** Percent by which a kernel must beat a simpler one; the default margin. */
const MARGIN_PERCENT = 5;

/** Hidden size at which limits in bytes are compared; limits for other sizes are compared at their own. */
const LIMIT_HIDDEN = 8192;

/** What a table decides at each point of the grid, by a text that names the box, the pattern and the size. */
export type Decisions = ReadonlyMap<string, string>;

/**
 * The winner among series of one box and pattern: the simplest of those within the margin of the fastest. Without a
 * backend at hand, more kernels count as simpler (a library call and a norm), then the id that sorts first.
 */
function winner(series: readonly Series[], bytes: number): string | undefined {
  const times = series.flatMap(({ points, kernels }) => {
    const reading = read(points, bytes);
    return reading ? [{ us: reading.us, kernels }] : [];
  });
  if (times.length === 0) return undefined;
  const best = Math.min(...times.map(({ us }) => us));
  const near = times.filter(({ us }) => best >= us * (1 - MARGIN_PERCENT / 100));
  near.sort(
    (a, b) =>
      b.kernels.length - a.kernels.length ||
      (kernelsKey(a.kernels) < kernelsKey(b.kernels) ? -1 : 1),
  );
  return kernelsKey(near[0]!.kernels);
}

function measuredDecisions(table: MeasuredTable): Decisions {
  const boxes = new Map<string, Series[]>();
  for (const series of seriesOf(table)) {
    if (series.variant !== undefined) continue;
    const box = `${JSON.stringify(Object.entries(series.key).sort())} hidden ${series.hidden}`;
    boxes.set(box, [...(boxes.get(box) ?? []), series]);
  }
  const decisions = new Map<string, string>();
  for (const [box, series] of boxes) {
    for (const tokens of DECISION_GRID) {
      const found = winner(series, tokens * series[0]!.hidden * series[0]!.itemsize);
      if (found !== undefined) decisions.set(`${box} tokens ${tokens}`, found);
    }
  }
  return decisions;
}

function limitDecisions(table: LimitsTable): Decisions {
  const decisions = new Map<string, string>();
  for (const row of table.rows) {
    const hidden = row.hidden?.[0] ?? LIMIT_HIDDEN;
    const itemsize = row.key.dtype === 'f32' ? 4 : 2;
    const box = `${JSON.stringify(Object.entries(row.key).sort())} hidden ${hidden}`;
    for (const tokens of DECISION_GRID) {
      const at = `${box} tokens ${tokens}`;
      if (decisions.has(at) || !withinLimit(row, tokens, tokens * hidden * itemsize)) continue;
      decisions.set(at, kernelsKey(row.kernels));
    }
  }
  return decisions;
}

/** Winners of a table on {@link DECISION_GRID} among its own kernels; points that it says nothing about are left out. */
export function tableDecisions(table: ThresholdTable): Decisions {
  return table.kind === 'measured' ? measuredDecisions(table) : limitDecisions(table);
}
