import type { TableKey, ThresholdTable } from '@arfuse/contract';
import { BUILT_IN_TABLES } from '@arfuse/thresholds';

/** What of a machine tables are keyed by. */
export interface Box {
  readonly sku: string;
  readonly capability: number;
  readonly groupSize: number;
  readonly interconnect: string;
}

/** How well a table fits a machine. */
export interface TableMatch {
  readonly table: string;
  readonly version: string;
  readonly kind: ThresholdTable['kind'];
  /** `exact`: rows of this very box; `model-free`: rows that name no GPU model; `other`: the nearest rows differ. */
  readonly match: 'exact' | 'model-free' | 'other';
  /** Rows of the best match. */
  readonly rows: number;
  /** How the nearest rows differ, e.g. `group of 2, not 8`. Empty for a match. */
  readonly differs: readonly string[];
}

/** How the box of a row differs; fields that its source left open match everything. Multicast counts as off. */
function differencesOf(key: TableKey, box: Box): string[] {
  const found: string[] = [];
  if (key.capability !== box.capability)
    found.push(`compute capability ${key.capability / 10}, not ${box.capability / 10}`);
  if (key.sku !== null && key.sku !== box.sku) found.push(`${key.sku}, not ${box.sku}`);
  if (key.groupSize !== box.groupSize)
    found.push(`group of ${key.groupSize}, not ${box.groupSize}`);
  if (key.nodes !== 1) found.push(`${key.nodes} nodes, not 1`);
  if (key.interconnect !== null && key.interconnect !== box.interconnect)
    found.push(`${key.interconnect}, not ${box.interconnect}`);
  if (key.multicast === true && key.groupSize > 2) found.push('with multicast');
  return found;
}

function matchOf(table: ThresholdTable, box: Box): TableMatch {
  const keys = table.rows.map((row): TableKey => row.key);
  // A norm alone does not depend on the group.
  const collective = keys.filter(({ pattern }) => pattern !== 'rms' && pattern !== 'add_rms');
  const rows = (collective.length > 0 ? collective : keys).map((key) => ({
    differs: differencesOf(key, box),
    named: key.sku !== null,
  }));
  const fewest = Math.min(...rows.map(({ differs }) => differs.length));
  const nearest = rows.filter(({ differs }) => differs.length === fewest);
  const named = nearest.filter((row) => row.named);
  const best = named.length > 0 ? named : nearest;
  return {
    table: table.name,
    version: table.version,
    kind: table.kind,
    match: fewest > 0 ? 'other' : named.length > 0 ? 'exact' : 'model-free',
    rows: best.length,
    differs: best[0]?.differs ?? [],
  };
}

const ORDER = ['exact', 'model-free', 'other'];

/**
 * The threshold tables by how well they fit a machine, best first; measured ones before limits.
 * @param tables - in addition to the built-in ones
 */
export function matchTables(box: Box, tables: readonly ThresholdTable[] = []): TableMatch[] {
  return [...tables, ...BUILT_IN_TABLES]
    .filter(({ rows }) => rows.length > 0)
    .map((table) => matchOf(table, box))
    .sort(
      (a, b) =>
        ORDER.indexOf(a.match) - ORDER.indexOf(b.match) ||
        Number(a.kind === 'limits') - Number(b.kind === 'limits') ||
        a.differs.length - b.differs.length,
    );
}
