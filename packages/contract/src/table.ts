import type { IoDType } from './dtype.ts';
import type { LaunchMode } from './kernel.ts';
import type { PatternName } from './site.ts';
import type { Interconnect } from './target.ts';

/** What a row times or limits: a site's pattern, a plain all-reduce, or a norm alone. */
export type TablePattern = PatternName | 'all_reduce' | 'rms' | 'add_rms';

/** What all rows of a table share: the box they were taken on. */
export interface TableKey {
  /** GPU model such as `h200-sxm`; null when the source keys by capability alone. */
  readonly sku: string | null;
  /** Compute capability ×10. */
  readonly capability: number;
  readonly groupSize: number;
  readonly nodes: number;
  /** Null when the source does not say. */
  readonly interconnect: Interconnect | null;
  readonly multicast: boolean | null;
  readonly dtype: IoDType;
  /** `all_reduce` for rows of a plain all-reduce, `rms`/`add_rms` for a norm alone. */
  readonly pattern: TablePattern;
  readonly mode: LaunchMode;
}

/** Where a kernel's time or limit comes from. */
export interface KernelVersion {
  /** Implementation, e.g. `flashinfer` or `nccl`. */
  readonly implementation: string;
  readonly version: string;
}

/** One measured time. Bytes are derived: `tokens * hidden * itemsize`. Absent fields were not recorded. */
export interface MeasuredRow {
  readonly key: TableKey;
  readonly tokens: number;
  readonly hidden: number;
  /** Bytes per element of the activations. */
  readonly itemsize: number;
  /** Kernel ids of the steps that were timed together, in order. */
  readonly kernels: readonly string[];
  readonly implementation?: KernelVersion;
  /** A launch that is not the kernel's default, e.g. `pdl`. Such a row is never `measured` evidence. */
  readonly variant?: string;
  /** Median time of one op, microseconds, maximum over ranks. */
  readonly medianUs: number;
  readonly p10Us?: number;
  readonly p90Us?: number;
  readonly n?: number;
  /** Whether results were checked against a reference before timing. */
  readonly verified?: boolean;
}

/** A limit that somebody ships: "use this kernel while the message is within the range". */
export interface LimitRow {
  readonly key: TableKey;
  readonly kernels: readonly string[];
  readonly unit: 'bytes' | 'tokens';
  /** Lower end; 0 when there is none. */
  readonly min: number;
  /** Whether `min` itself is within the range; true when left out. */
  readonly minInclusive?: boolean;
  readonly max: number;
  /** Whether `max` itself is within the range. */
  readonly maxInclusive: boolean;
  /** Hidden sizes that the limit holds for, inclusive; every size when left out. */
  readonly hidden?: readonly [min: number, max: number];
  /** Where the number stands: project, version, file and line, or thread. */
  readonly citation: string;
}

/** How and where the numbers were obtained. Absent fields were not recorded. */
export interface Provenance {
  readonly source: string;
  /** ISO date. */
  readonly date?: string;
  readonly driver?: string;
  readonly cuda?: string;
  readonly nccl?: string;
  readonly flashinfer?: string;
  readonly arfuse?: string;
  readonly host?: string;
  readonly protocol?: string;
  readonly seed?: string;
}

interface TableBase {
  readonly specificationVersion: 1;
  /** npm-style name such as `@arfuse/thresholds/h200-sxm-2x`. */
  readonly name: string;
  /** Semver: patch = re-measured, minor = rows added, major = a decision or the schema changed. */
  readonly version: string;
  readonly title: string;
  /** True where numbers are made up for an example; such a table cannot be packed. */
  readonly synthetic?: boolean;
  readonly provenance: Provenance;
}

/** Times that were measured. */
export interface MeasuredTable extends TableBase {
  readonly kind: 'measured';
  readonly rows: readonly MeasuredRow[];
}

/** Limits that somebody published. */
export interface LimitsTable extends TableBase {
  readonly kind: 'limits';
  readonly rows: readonly LimitRow[];
}

/** A table of either kind. */
export type ThresholdTable = MeasuredTable | LimitsTable;
