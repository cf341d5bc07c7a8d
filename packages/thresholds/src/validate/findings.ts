/** Something wrong or odd about one row of a table. */
export interface TableFinding {
  /** Index of the row that it is about; the later of two. */
  readonly row: number;
  readonly code: 'below-wire-bound' | 'duplicate' | 'unit' | 'not-monotone' | 'crossover';
  readonly message: string;
}

/** What a check of a table found. */
export interface TableFindings {
  /** Physically impossible or contradictory. */
  readonly errors: readonly TableFinding[];
  /** Possible, but worth measuring again. */
  readonly warnings: readonly TableFinding[];
}
