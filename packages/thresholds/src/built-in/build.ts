import {
  itemsize,
  type KernelVersion,
  type LimitRow,
  type LimitsTable,
  type MeasuredRow,
  type TableKey,
} from '@arfuse/contract';

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** `[tokens, medianUs]` pairs of one column. */
export type Column = readonly (readonly [tokens: number, medianUs: number])[];

export interface ColumnFacts {
  readonly kernels: readonly string[];
  readonly hidden: number;
  readonly implementation?: KernelVersion;
  readonly variant?: string;
  readonly n?: number;
  /** Token counts whose results were compared with a reference. */
  readonly verifiedAt?: readonly number[];
}

/** One column of a published or measured table as rows. */
export function rows(key: TableKey, facts: ColumnFacts, column: Column): MeasuredRow[] {
  const { kernels, hidden, verifiedAt, ...rest } = facts;
  return column.map(([tokens, medianUs]) => ({
    key,
    tokens,
    hidden,
    itemsize: itemsize(key.dtype),
    kernels,
    ...rest,
    medianUs,
    ...(verifiedAt?.includes(tokens) ? { verified: true } : {}),
  }));
}

/** A limit before it is spread over the dtypes, modes and patterns that its source does not tell apart. */
export interface LimitFacts {
  readonly capability: number;
  readonly groupSize: number;
  readonly patterns: readonly TableKey['pattern'][];
  readonly kernels: readonly string[];
  readonly unit?: LimitRow['unit'];
  readonly min?: number;
  readonly minInclusive?: boolean;
  readonly max: number;
  readonly maxInclusive?: boolean;
  readonly hidden?: readonly [number, number];
  readonly dtypes?: readonly TableKey['dtype'][];
  readonly modes?: readonly TableKey['mode'][];
  readonly multicast?: boolean | null;
  readonly citation: string;
}

/** Rows of one limit on one node: one per dtype, mode and pattern. */
export function limitRows(facts: LimitFacts): LimitRow[] {
  const made: LimitRow[] = [];
  for (const pattern of facts.patterns) {
    for (const dtype of facts.dtypes ?? (['bf16', 'f16'] as const)) {
      for (const mode of facts.modes ?? (['graph', 'eager'] as const)) {
        made.push({
          key: {
            sku: null,
            capability: facts.capability,
            groupSize: facts.groupSize,
            nodes: 1,
            interconnect: null,
            multicast: facts.multicast ?? null,
            dtype,
            pattern,
            mode,
          },
          kernels: facts.kernels,
          unit: facts.unit ?? 'bytes',
          min: facts.min ?? 0,
          ...(facts.minInclusive === false ? { minInclusive: false } : {}),
          max: facts.max,
          maxInclusive: facts.maxInclusive ?? true,
          ...(facts.hidden ? { hidden: facts.hidden } : {}),
          citation: facts.citation,
        });
      }
    }
  }
  return made;
}

/** A limits table from facts; version 1.0.0 of the first release. */
export function limitsTable(
  name: string,
  title: string,
  source: string,
  facts: readonly LimitFacts[],
): LimitsTable {
  return {
    specificationVersion: 1,
    kind: 'limits',
    name: `@arfuse/thresholds/${name}`,
    version: '1.0.0',
    title,
    provenance: { source },
    rows: facts.flatMap(limitRows),
  };
}
