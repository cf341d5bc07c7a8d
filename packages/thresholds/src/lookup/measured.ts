import type { Evidence } from '@arfuse/contract';
import { type Reading, read } from './interpolate.ts';
import type { EvidenceQuery } from './query.ts';
import type { Source, SourceIndex } from './sources.ts';

/** Relative spread assumed for a time that was measured elsewhere: doubled by the default margin, 10 percent. */
export const TRANSFER_SPREAD = 0.05;

/** A time read off the strongest series that covers the size. */
export interface SourceReading extends Reading {
  readonly source: Source;
}

/** Message bytes of a question. */
export function bytesOf(query: Pick<EvidenceQuery, 'tokens' | 'hidden' | 'itemsize'>): number {
  return query.tokens * query.hidden * query.itemsize;
}

/** Reads the strongest source whose measured range holds the size; exact sources only, or all others only. */
export function readSources(
  index: SourceIndex,
  query: EvidenceQuery,
  which: 'measured' | 'transferred',
): SourceReading | undefined {
  const bytes = bytesOf(query);
  for (const source of index.sources(query.kernels, query)) {
    if ((source.weight === 0) !== (which === 'measured')) continue;
    const reading = read(source.series.points, bytes);
    if (reading) return { ...reading, source };
  }
  return undefined;
}

function rowsText({ from, source }: SourceReading): string {
  const counts = from.map(({ tokens }) => tokens).join(' and ');
  if (from.length === 2)
    return `Interpolated (log-log) between ${counts} tokens at hidden ${source.series.hidden}`;
  return `Measured at ${counts} token${counts === '1' ? '' : 's'}, hidden ${source.series.hidden}`;
}

/** Evidence of a time that was measured for exactly these kernels, here (`measured`) or nearly here (`transferred`). */
export function measuredEvidence(
  index: SourceIndex,
  query: EvidenceQuery,
  kind: 'measured' | 'transferred',
): Evidence | undefined {
  const reading = readSources(index, query, kind);
  if (!reading) return undefined;
  const { source, us } = reading;
  const spread =
    kind === 'measured' ? reading.spread : Math.max(reading.spread ?? 0, TRANSFER_SPREAD);
  const weaker = source.differences.length > 0 ? `; ${source.differences.join(', ')}` : '';
  return {
    kind,
    table: source.series.table,
    us,
    ...(spread === undefined ? {} : { spread }),
    note: `${rowsText(reading)}${weaker}.`,
  };
}
