/** What every launch is held to. Each fault breaks the one that it is about. */
export const EXECUTION_RULES = {
  runs: 'what is admitted opens, binds, launches and ends',
  written: 'every element of every result is written, at every launch',
  right: 'results are as far from what the record says as it allows',
  layout: 'scales lie where their layout says',
  nan: 'a NaN survives where the record says so',
  ranks: 'all ranks have the same bits',
  repeats: 'the same launch gives the same bits, eagerly and as a graph',
  inside: 'nothing is written outside of the results',
} as const;

/** Name of a rule. */
export type ExecutionRule = keyof typeof EXECUTION_RULES;

/** A broken rule, in words. */
export interface Fault {
  readonly rule: ExecutionRule;
  readonly found: string;
}
