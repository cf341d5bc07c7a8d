import type {
  Evidence,
  EvidenceKind,
  LimitRow,
  LimitsTable,
  MeasuredTable,
  ThresholdTable,
} from '@arfuse/contract';
import { Estimator } from './estimated.ts';
import { sameBox } from './match.ts';
import { measuredEvidence } from './measured.ts';
import { PublishedLimits } from './published.ts';
import {
  type EvidenceContext,
  type EvidenceLookup,
  type EvidenceQuery,
  TABLE_EVIDENCE,
} from './query.ts';
import { type Series, seriesOf } from './series.ts';
import { SourceIndex } from './sources.ts';

/** Row counts around which a limit changes its answer. */
function limitEdges(row: LimitRow, rowBytes: number): number[] {
  const per = row.unit === 'tokens' ? 1 : rowBytes;
  return [row.min / per, row.max / per].flatMap((at) => [
    Math.floor(at),
    Math.floor(at) + 1,
    Math.ceil(at) - 1,
  ]);
}

/** Row counts at which a series changes its slope, at another hidden size the two around each. */
function seriesEdges(series: Series, rowBytes: number): number[] {
  return series.points.flatMap(({ bytes }) => [
    Math.floor(bytes / rowBytes),
    Math.ceil(bytes / rowBytes),
  ]);
}

/**
 * Prepares look-up in a list of tables, earlier ones taking precedence. The ladder: `measured` (exact hidden size and
 * box; log-log interpolation, never beyond the measured range), `transferred` (another hidden size at equal bytes,
 * the other launch mode, or a chain that moves the same data; a wider spread), `published` (a shipped limit),
 * `estimated` (cost model or sum of parts; refused at a leave-one-out error of 25 percent or more).
 */
export function createEvidence(tables: readonly ThresholdTable[]): EvidenceLookup {
  const series = tables
    .filter((table): table is MeasuredTable => table.kind === 'measured')
    .flatMap(seriesOf);
  const index = new SourceIndex(series);
  const limits = new PublishedLimits(
    tables.filter((table): table is LimitsTable => table.kind === 'limits'),
  );
  const estimator = new Estimator(index);

  const byKind = (query: EvidenceQuery, kind: EvidenceKind): Evidence | undefined => {
    switch (kind) {
      case 'measured':
      case 'transferred':
        return measuredEvidence(index, query, kind);
      case 'published':
        return limits.evidence(query);
      case 'estimated':
        return estimator.evidence(query);
      case 'rule':
      case 'static':
        return undefined;
    }
  };

  return {
    find(query, kinds = TABLE_EVIDENCE) {
      for (const kind of TABLE_EVIDENCE) {
        if (!kinds.includes(kind)) continue;
        const found = byKind(query, kind);
        if (found) return found;
      }
      return undefined;
    },
    edges(context: EvidenceContext, maxTokens: number) {
      const rowBytes = context.hidden * context.itemsize;
      const found = new Set<number>();
      for (const one of series) {
        if (one.itemsize !== context.itemsize || !sameBox(one.key, context)) continue;
        for (const edge of seriesEdges(one, rowBytes)) found.add(edge);
      }
      for (const row of limits.consulted(context)?.rows ?? []) {
        for (const edge of limitEdges(row, rowBytes)) found.add(edge);
      }
      return [...found].filter((edge) => edge >= 1 && edge <= maxTokens).sort((a, b) => a - b);
    },
  };
}

/** What a cost model of one kernel list on one kind of box looks like; see {@link costModels}. */
export interface CostModelReport {
  readonly kernels: readonly string[];
  readonly latencyUs: number;
  /** Microseconds per √byte. */
  readonly ramp: number;
  readonly perByteUs: number;
  /** Mean relative leave-one-out error; at 0.25 and above the model decides nothing. */
  readonly error: number;
  readonly points: number;
}

/** The cost models that a context's measured rows give, with their leave-one-out errors, by kernel list. */
export function costModels(
  tables: readonly ThresholdTable[],
  context: EvidenceContext,
): CostModelReport[] {
  const series = tables
    .filter((table): table is MeasuredTable => table.kind === 'measured')
    .flatMap(seriesOf);
  const index = new SourceIndex(series);
  const estimator = new Estimator(index);
  const seen = new Map(series.map(({ kernels }) => [kernels.join(' + '), kernels] as const));
  return [...seen.values()].flatMap((kernels) => {
    const model = estimator.fit(kernels, context);
    return model ? [{ kernels, ...model }] : [];
  });
}
