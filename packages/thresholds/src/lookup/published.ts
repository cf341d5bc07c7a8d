import type { Evidence, LimitRow, LimitsTable } from '@arfuse/contract';
import { sameBox } from './match.ts';
import type { EvidenceContext, EvidenceQuery } from './query.ts';
import { kernelsKey } from './series.ts';
import { contextKey } from './sources.ts';

interface Consulted {
  readonly table: string;
  readonly rows: readonly LimitRow[];
}

/** Whether a message of so many tokens lies in a limit's range. */
export function withinLimit(row: LimitRow, tokens: number, bytes: number): boolean {
  const size = row.unit === 'tokens' ? tokens : bytes;
  const above = row.minInclusive === false ? size > row.min : size >= row.min;
  return above && (row.maxInclusive ? size <= row.max : size < row.max);
}

/** Limits that somebody ships. Of several tables that know a box and pattern, the first one alone is asked. */
export class PublishedLimits {
  readonly #tables: readonly LimitsTable[];
  readonly #found = new Map<string, Consulted | undefined>();

  constructor(tables: readonly LimitsTable[]) {
    this.#tables = tables;
  }

  /** The table that is asked in a context, with its rows for it. */
  consulted(context: EvidenceContext): Consulted | undefined {
    const key = contextKey(context);
    if (this.#found.has(key)) return this.#found.get(key);
    const found = this.#look(context);
    this.#found.set(key, found);
    return found;
  }

  #look(context: EvidenceContext): Consulted | undefined {
    for (const table of this.#tables) {
      const known = table.rows.filter(
        ({ key }) =>
          key.pattern === context.pattern &&
          key.dtype === context.dtype &&
          key.mode === context.mode &&
          sameBox(key, context),
      );
      if (known.length === 0) continue;
      const rows = known.filter(
        ({ hidden }) => !hidden || (hidden[0] <= context.hidden && context.hidden <= hidden[1]),
      );
      return { table: `${table.name}@${table.version}`, rows };
    }
    return undefined;
  }

  /** Evidence that somebody ships these kernels for this size, or undefined. */
  evidence(query: EvidenceQuery): Evidence | undefined {
    const found = this.consulted(query);
    if (!found) return undefined;
    const name = kernelsKey(query.kernels);
    const bytes = query.tokens * query.hidden * query.itemsize;
    const row = found.rows.find(
      (candidate) =>
        kernelsKey(candidate.kernels) === name && withinLimit(candidate, query.tokens, bytes),
    );
    if (!row) return undefined;
    const until = `${row.maxInclusive ? 'up to' : 'below'} ${row.max} ${row.unit}`;
    return {
      kind: 'published',
      table: found.table,
      note: `Shipped for ${until}: ${row.citation}.`,
    };
  }
}
