import type { MeasuredRow, MeasuredTable, TableKey } from '@arfuse/contract';

/** One measured time of a series. */
export interface Point {
  /** Index among the table's rows. */
  readonly row: number;
  readonly tokens: number;
  readonly bytes: number;
  readonly us: number;
  /** (p90 − p10) / median, where both were recorded. */
  readonly spread?: number;
}

/** Rows of one table that differ in token count only, ascending. */
export interface Series {
  /** `name@version`. */
  readonly table: string;
  readonly key: TableKey;
  readonly kernels: readonly string[];
  readonly variant?: string;
  readonly hidden: number;
  readonly itemsize: number;
  readonly points: readonly Point[];
}

/** Kernel ids as one text. */
export function kernelsKey(kernels: readonly string[]): string {
  return kernels.join(' + ');
}

/** Every field but the token count and the times, as one text. */
export function seriesKey(row: MeasuredRow): string {
  const { key } = row;
  return [
    kernelsKey(row.kernels),
    row.variant ?? '',
    row.hidden,
    row.itemsize,
    key.sku,
    key.capability,
    key.groupSize,
    key.nodes,
    key.interconnect,
    key.multicast,
    key.dtype,
    key.pattern,
    key.mode,
  ].join('|');
}

function point(
  at: number,
  { tokens, hidden, itemsize, medianUs, p10Us, p90Us }: MeasuredRow,
): Point {
  const made = { row: at, tokens, bytes: tokens * hidden * itemsize, us: medianUs };
  if (p10Us === undefined || p90Us === undefined) return made;
  return { ...made, spread: (p90Us - p10Us) / medianUs };
}

/** A table's rows as series, in an order that does not depend on the order of rows. */
export function seriesOf(table: MeasuredTable): Series[] {
  const groups = new Map<string, [number, MeasuredRow][]>();
  for (const [at, row] of table.rows.entries()) {
    const key = seriesKey(row);
    const group = groups.get(key);
    if (group) group.push([at, row]);
    else groups.set(key, [[at, row]]);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, rows]) => {
      const { key, kernels, variant, hidden, itemsize } = rows[0]![1];
      return {
        table: `${table.name}@${table.version}`,
        key,
        kernels,
        ...(variant === undefined ? {} : { variant }),
        hidden,
        itemsize,
        points: rows.map(([at, row]) => point(at, row)).sort((a, b) => a.tokens - b.tokens),
      };
    });
}
