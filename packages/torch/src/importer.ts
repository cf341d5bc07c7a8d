import type { Graph } from '@arfuse/graph';

/** Bounds on hostile or damaged input. Every one is an option; the defaults fit real captures. */
export interface ImportLimits {
  /** Largest input after decompression, bytes. */
  readonly maxBytes: number;
  /** Longest line, characters. */
  readonly maxLineLength: number;
  /** Deepest nesting of brackets, calls and sub-modules. */
  readonly maxDepth: number;
  /** Largest ratio of decompressed to compressed size. */
  readonly maxRatio: number;
  /** Most entries of an archive. */
  readonly maxEntries: number;
  /** Most nodes of one graph. */
  readonly maxNodes: number;
}

/** Limits that fit real captures. */
export const DEFAULT_LIMITS: ImportLimits = {
  maxBytes: 1024 * 1024 * 1024,
  maxLineLength: 64 * 1024 * 1024,
  maxDepth: 200,
  maxRatio: 1000,
  maxEntries: 100_000,
  maxNodes: 4_000_000,
};

/** How input is read. */
export interface ImportOptions {
  readonly limits?: Partial<ImportLimits>;
  /** Drops file comments, stack traces and user names from the graph. */
  readonly redact?: boolean;
  /** Name of the input for errors and provenance; the path when a path is read. */
  readonly source?: string;
  /** Aborts reading between lines, members or files. */
  readonly signal?: AbortSignal;
}

/** Something that the importer saw and did not read, and why. */
export interface Skipped {
  readonly what: string;
  readonly reason: string;
}

/** One program of one rank. */
export interface ImportedProgram {
  /** Name within the source: trace compile id, cache hash, model name. */
  readonly name: string;
  /** File, archive member or log record that it came from. */
  readonly source: string;
  readonly graph: Graph;
  /** Rank by folder or log name, when there is one. */
  readonly rank?: number;
}

/** What a source holds. */
export interface ImportResult {
  /** Distinct programs of the lowest rank, in the order in which they were found. Never empty. */
  readonly programs: readonly ImportedProgram[];
  /** The same programs on other ranks, when the source has them; used to check that ranks agree. */
  readonly otherRanks: readonly ImportedProgram[];
  readonly skipped: readonly Skipped[];
  /** Number of ranks that a directory suggests. A hint only: it counts pipeline and data parallel ranks too. */
  readonly rankCountHint?: number;
  readonly warnings: readonly string[];
}
