/** What one rule cost. */
export interface RuleStatistics {
  readonly rule: string;
  /** Nodes (spellings) or all-reduces (fusions) that it was tried at. */
  readonly tried: number;
  readonly matched: number;
  /** Milliseconds, when the collector was made with a clock. */
  readonly milliseconds?: number;
}

/**
 * Counts per rule. Pass one to `findSites`; without it nothing is counted. Times need a clock in milliseconds,
 * e.g. `() => performance.now()`, since this package reads none by itself.
 */
export class MatchStatistics {
  readonly #clock: (() => number) | undefined;
  readonly #rules = new Map<string, { tried: number; matched: number; milliseconds: number }>();

  constructor(options: { readonly clock?: () => number } = {}) {
    this.#clock = options.clock;
  }

  /** Runs one try of a rule and counts it as matched when the result is not empty. */
  count<T>(rule: string, run: () => readonly T[]): readonly T[] {
    const before = this.#clock?.() ?? 0;
    const found = run();
    const entry = this.#rules.get(rule) ?? { tried: 0, matched: 0, milliseconds: 0 };
    entry.tried += 1;
    if (found.length > 0) entry.matched += 1;
    entry.milliseconds += (this.#clock?.() ?? 0) - before;
    this.#rules.set(rule, entry);
    return found;
  }

  /** Rules in the order of their first try. */
  rules(): readonly RuleStatistics[] {
    return [...this.#rules].map(([rule, { tried, matched, milliseconds }]) => ({
      rule,
      tried,
      matched,
      ...(this.#clock ? { milliseconds } : {}),
    }));
  }
}
