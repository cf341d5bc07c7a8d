import type { Evidence } from '@arfuse/contract';
import { wireBoundUs } from '../validate/wire-bound.ts';
import { type CostModel, estimateUs, fitCostModel, MAX_ERROR } from './cost-model.ts';
import { leaveOneOut, toNanoseconds } from './interpolate.ts';
import { bytesOf, readSources, TRANSFER_SPREAD } from './measured.ts';
import { partsOf } from './parts.ts';
import type { EvidenceContext, EvidenceQuery } from './query.ts';
import { kernelsKey, type Point, type Series } from './series.ts';
import { boxKey, type SourceIndex } from './sources.ts';

interface Estimate {
  readonly us: number;
  readonly error: number;
  readonly tables: readonly string[];
  readonly how: string;
}

interface Fit {
  readonly model: CostModel;
  readonly table: string;
  readonly minBytes: number;
  readonly maxBytes: number;
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

/** Estimates from cost models and sums of parts. Models and checks are made once per question's context. */
export class Estimator {
  readonly #index: SourceIndex;
  readonly #fits = new Map<string, Fit | undefined>();
  readonly #checks = new Map<string, number | undefined>();
  readonly #readingErrors = new Map<Series, number | undefined>();

  constructor(index: SourceIndex) {
    this.#index = index;
  }

  /** An estimate whose leave-one-out error is under 25 percent, or undefined. */
  evidence(query: EvidenceQuery): Evidence | undefined {
    const found = this.#model(query) ?? (query.kernels.length > 1 ? this.#sum(query) : undefined);
    if (!found || found.error >= MAX_ERROR) return undefined;
    const tables = [...new Set(found.tables)];
    return {
      kind: 'estimated',
      ...(tables.length === 1 ? { table: tables[0]! } : {}),
      us: toNanoseconds(found.us),
      spread: Math.max(found.error, TRANSFER_SPREAD),
      note: `${found.how}; leave-one-out error ${percent(found.error)}${tables.length > 1 ? `; tables ${tables.join(', ')}` : ''}.`,
    };
  }

  /** The cost model of a kernel list here, whatever its error; undefined without enough rows at this group size. */
  fit(kernels: readonly string[], context: EvidenceContext): CostModel | undefined {
    return this.#fit(kernels, context)?.model;
  }

  #fit(kernels: readonly string[], context: EvidenceContext): Fit | undefined {
    // Points of every hidden size are fitted together, by their bytes.
    const key = `${kernelsKey(kernels)}|${boxKey(context)}`;
    if (this.#fits.has(key)) return this.#fits.get(key);
    const sources = this.#index.sources(kernels, context);
    // Rows of the nearest kind of box only: mixing graph and eager times would fit neither.
    const weight = Math.min(...sources.map(({ boxWeight }) => boxWeight));
    const nearest = sources.filter(({ boxWeight }) => boxWeight === weight);
    const points: Point[] = nearest.flatMap(({ series }) => series.points);
    const model = fitCostModel(points);
    const bytes = points.map((point) => point.bytes);
    const made = model && {
      model,
      table: nearest[0]!.series.table,
      minBytes: Math.min(...bytes),
      maxBytes: Math.max(...bytes),
    };
    this.#fits.set(key, made);
    return made;
  }

  #model(query: EvidenceQuery): Estimate | undefined {
    const fit = this.#fit(query.kernels, query);
    if (!fit) return undefined;
    const bytes = bytesOf(query);
    const bound = this.#bound(query, bytes);
    const outside =
      bytes < fit.minBytes || bytes > fit.maxBytes ? ', outside the measured range' : '';
    return {
      us: Math.max(estimateUs(fit.model, bytes), bound),
      error: fit.model.error,
      tables: [fit.table],
      how: `Cost model of ${fit.model.points} rows at this group size${outside}`,
    };
  }

  #bound(query: EvidenceQuery, bytes: number): number {
    const [kernel] = query.kernels;
    if (kernel === undefined || query.pattern === 'add_rms' || query.pattern === 'rms') return 0;
    return wireBoundUs(kernel, query, bytes, query.itemsize) ?? 0;
  }

  #readingError(series: Series): number | undefined {
    if (!this.#readingErrors.has(series))
      this.#readingErrors.set(series, leaveOneOut(series.points));
    return this.#readingErrors.get(series);
  }

  /** One kernel: what was measured, else its cost model. */
  #part(query: EvidenceQuery): Estimate | undefined {
    const reading =
      readSources(this.#index, query, 'measured') ?? readSources(this.#index, query, 'transferred');
    if (!reading) return this.#model(query);
    const { series } = reading.source;
    const error = reading.from.length === 1 ? 0 : this.#readingError(series);
    if (error === undefined) return this.#model(query);
    return {
      us: reading.us,
      error,
      tables: [series.table],
      how: `${query.kernels[0]} ${reading.us} us`,
    };
  }

  #sum(query: EvidenceQuery): Estimate | undefined {
    const parts = partsOf(query);
    const found: Estimate[] = [];
    for (const part of parts) {
      const estimate = this.#part(part.query);
      if (!estimate || estimate.error >= MAX_ERROR) return undefined;
      found.push(estimate);
    }
    const standIns = parts.flatMap(({ standIn }) => standIn ?? []);
    const check = this.#check(query);
    return {
      us: found.reduce((sum, { us }) => sum + us, 0),
      error: Math.max(check ?? 0, ...found.map(({ error }) => error)),
      tables: found.flatMap(({ tables }) => tables),
      how: `Sum of parts: ${found.map(({ how }) => how).join(' + ')}${standIns.length > 0 ? ` (${standIns.join(', ')})` : ''}${check === undefined ? '' : `; sums differ from compositions measured here by ${percent(check)}`}`,
    };
  }

  /** Mean relative difference between compositions that were measured here and the sums of their parts. */
  #check(query: EvidenceQuery): number | undefined {
    const { kernels: _kernels, covers: _covers, tokens: _tokens, ...context } = query;
    const chain: EvidenceContext = { ...context, pattern: 'ar_add_rms' };
    const key = boxKey(chain);
    if (this.#checks.has(key)) return this.#checks.get(key);
    let sum = 0;
    let count = 0;
    for (const kernels of this.#index.compositions()) {
      const [source] = this.#index.sources(kernels, chain);
      if (!source) continue;
      const { hidden, points } = source.series;
      for (const { tokens, us } of points) {
        const parts = partsOf({ ...chain, hidden, kernels, tokens }).map((part) =>
          this.#part(part.query),
        );
        if (!parts.every((part) => part !== undefined)) continue;
        sum += Math.abs(parts.reduce((total, part) => total + part.us, 0) - us) / us;
        count += 1;
      }
    }
    const mean = count === 0 ? undefined : sum / count;
    this.#checks.set(key, mean);
    return mean;
  }
}
