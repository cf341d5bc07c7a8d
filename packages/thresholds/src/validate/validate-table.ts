import {
  canonicalJson,
  type LimitRow,
  type MeasuredRow,
  type MeasuredTable,
  TableError,
  type ThresholdTable,
} from '@arfuse/contract';
import { isLocal } from '../lookup/match.ts';
import { seriesKey, seriesOf } from '../lookup/series.ts';
import { crossoverWarnings } from './crossover.ts';
import type { TableFinding, TableFindings } from './findings.ts';
import { linkRate, wireBoundUs } from './wire-bound.ts';

/** No kernel with a barrier or hand-shake between GPUs ends sooner; a smaller figure is in another unit. */
const FLOOR_US = 1;

/** A second: no all-reduce that inference makes takes so long; a larger figure is in another unit. */
const CEILING_US = 1e6;

/** A row that is faster than a smaller one by more than this is odd; below it is noise. */
const MONOTONE_TOLERANCE = 0.02;

function describe(row: MeasuredRow): string {
  return `${row.kernels.join(' + ')} at ${row.tokens} tokens, hidden ${row.hidden}`;
}

function physicalFinding(row: MeasuredRow, at: number): TableFinding | undefined {
  const bytes = row.tokens * row.hidden * row.itemsize;
  const collective = !isLocal(row.key.pattern);
  if (collective && row.medianUs < FLOOR_US) {
    return {
      row: at,
      code: 'unit',
      message: `${describe(row)}: ${row.medianUs} us is shorter than any exchange between GPUs; is it in milliseconds?`,
    };
  }
  if (row.medianUs > CEILING_US) {
    return {
      row: at,
      code: 'unit',
      message: `${describe(row)}: ${row.medianUs} us is more than a second; is it in nanoseconds?`,
    };
  }
  const bound = collective ? wireBoundUs(row.kernels[0]!, row.key, bytes, row.itemsize) : undefined;
  if (bound !== undefined && row.medianUs < bound) {
    return {
      row: at,
      code: 'below-wire-bound',
      message: `${describe(row)}: ${row.medianUs} us is below the wire bound of ${bound.toFixed(3)} us at ${linkRate(row.key)} GB/s per direction.`,
    };
  }
  return undefined;
}

function measuredFindings(rows: readonly MeasuredRow[]): TableFinding[] {
  const errors: TableFinding[] = [];
  const seen = new Map<string, number>();
  for (const [at, row] of rows.entries()) {
    const physical = physicalFinding(row, at);
    if (physical) errors.push(physical);
    const key = `${seriesKey(row)}|${row.tokens}`;
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, at);
    else
      errors.push({
        row: at,
        code: 'duplicate',
        message: `${describe(row)}: the same row as row ${earlier}.`,
      });
  }
  return errors;
}

function monotoneWarnings(table: MeasuredTable): TableFinding[] {
  const warnings: TableFinding[] = [];
  for (const { points, kernels, hidden } of seriesOf(table)) {
    for (const [i, point] of points.entries()) {
      const previous = points[i - 1];
      if (!previous || point.us >= previous.us * (1 - MONOTONE_TOLERANCE)) continue;
      // Of a spike the row before the drop is the odd one.
      warnings.push({
        row: previous.row,
        code: 'not-monotone',
        message: `${kernels.join(' + ')}, hidden ${hidden}: ${previous.us} us at ${previous.tokens} tokens is more than ${point.us} us at ${point.tokens}.`,
      });
    }
  }
  return warnings;
}

function limitFindings(rows: readonly LimitRow[]): TableFinding[] {
  const errors: TableFinding[] = [];
  const seen = new Map<string, number>();
  for (const [at, row] of rows.entries()) {
    const { citation: _, ...facts } = row;
    const key = canonicalJson(facts);
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, at);
    else
      errors.push({
        row: at,
        code: 'duplicate',
        message: `${row.kernels.join(' + ')}: the same limit as row ${earlier}.`,
      });
  }
  return errors;
}

/**
 * Checks what a schema cannot: a table's times against the wire, against each other, and rows against rows.
 * Errors are impossible or contradictory; warnings are odd rows, worth measuring again.
 */
export function validateTable(table: ThresholdTable): TableFindings {
  if (table.kind === 'limits') return { errors: limitFindings(table.rows), warnings: [] };
  return {
    errors: measuredFindings(table.rows),
    warnings: [...monotoneWarnings(table), ...crossoverWarnings(table)],
  };
}

/**
 * Refuses a table with errors.
 * @throws TableError that names the first offending row
 */
export function requireValidTable(table: ThresholdTable): void {
  const { errors } = validateTable(table);
  const [first] = errors;
  if (!first) return;
  throw new TableError({
    message: `Threshold table "${table.name}": ${first.message}${errors.length > 1 ? ` ${errors.length - 1} more errors in the same table.` : ''}`,
    hint: 'Measure that row again, or take it out.',
    place: { pointer: `/rows/${first.row}` },
    details: { table: table.name, errors },
  });
}
