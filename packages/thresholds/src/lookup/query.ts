import type {
  Evidence,
  EvidenceKind,
  Interconnect,
  IoDType,
  LaunchMode,
  StageKind,
  TablePattern,
} from '@arfuse/contract';

/** Where and for what a time is asked: everything but the kernels and the token count. */
export interface EvidenceContext {
  readonly pattern: TablePattern;
  /** Elements of a row. */
  readonly hidden: number;
  /** Bytes per element of the activations. */
  readonly itemsize: number;
  readonly dtype: IoDType;
  readonly mode: LaunchMode;
  readonly groupSize: number;
  readonly nodes: number;
  readonly sku: string;
  /** Compute capability ×10. */
  readonly capability: number;
  readonly interconnect: Interconnect;
  readonly multicast: boolean;
}

/** One question: how long do these kernels take together for this many rows, and who says so? */
export interface EvidenceQuery extends EvidenceContext {
  /** Kernel ids of the steps, in order. */
  readonly kernels: readonly string[];
  /** Stages that each step covers, in the same order; without it, a kernel before others is taken as a plain all-reduce. */
  readonly covers?: readonly (readonly StageKind[])[];
  /** Rows that are launched. */
  readonly tokens: number;
}

/** Kinds that tables can give, strongest first. */
export const TABLE_EVIDENCE: readonly EvidenceKind[] = [
  'measured',
  'transferred',
  'published',
  'estimated',
];

/** Answers questions from a fixed list of tables. Pure; answers are deterministic. */
export interface EvidenceLookup {
  /**
   * The strongest evidence for the kernels here, or undefined when no table says anything.
   * @param kinds - of these kinds only; every kind when left out
   */
  find(query: EvidenceQuery, kinds?: readonly EvidenceKind[]): Evidence | undefined;
  /**
   * Token counts at which an answer may change: measured token counts, and each limit's last row count inside and
   * first outside. Ascending, from 1 to `maxTokens`.
   */
  edges(context: EvidenceContext, maxTokens: number): readonly number[];
}
