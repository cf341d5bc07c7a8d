import { canonicalJson, TableError, type ThresholdTable } from '@arfuse/contract';
import difference from 'semver/functions/diff.js';
import increment from 'semver/functions/inc.js';
import isLess from 'semver/functions/lt.js';
import { tableDecisions } from './decisions.ts';

/** What semantic versioning asks for. */
export type Bump = 'none' | 'patch' | 'minor' | 'major';

/** A row that only one of two tables has, or whose numbers differ. */
export interface RowChange {
  readonly change: 'added' | 'removed' | 'changed';
  /** Every field that identifies the row. */
  readonly row: string;
}

/** A decision that two tables make differently; null where one of them makes none. */
export interface DecisionChange {
  /** Box, pattern, hidden size and token count. */
  readonly at: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What changed between two versions of a table. */
export interface TableDiff {
  readonly rows: readonly RowChange[];
  readonly decisions: readonly DecisionChange[];
  /** The least version step that the differences ask for. */
  readonly bump: Bump;
  /** One sentence. */
  readonly reason: string;
}

/** Fields that a re-measured row may change and stay the same row. */
const NUMBERS = new Set([
  'medianUs',
  'p10Us',
  'p90Us',
  'n',
  'verified',
  'implementation',
  'max',
  'maxInclusive',
  'citation',
]);

/** Rows by identity. Limits that share an identity (several ranges of one kernel) are told apart by `min`. */
function byIdentity(table: ThresholdTable): Map<string, string> {
  return new Map(
    table.rows.map((row) => {
      const fields = Object.entries(row);
      const identity = canonicalJson(
        Object.fromEntries(fields.filter(([name]) => !NUMBERS.has(name))),
      );
      return [identity, canonicalJson(row)] as const;
    }),
  );
}

function compare<T>(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  make: (key: string, before: string | null, after: string | null) => T,
): T[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => make(key, before.get(key) ?? null, after.get(key) ?? null));
}

function bumpOf(
  rows: readonly RowChange[],
  decisions: readonly DecisionChange[],
  sameKind: boolean,
): [Bump, string] {
  if (!sameKind) return ['major', 'The kind of table changed.'];
  const changed = decisions.filter(({ before }) => before !== null);
  if (changed.length > 0) return ['major', `${changed.length} decisions changed or were dropped.`];
  if (rows.some(({ change }) => change === 'added'))
    return ['minor', 'Rows were added and no decision changed.'];
  if (rows.length > 0) return ['patch', 'Rows were measured again and no decision changed.'];
  return ['none', 'Rows are the same.'];
}

/**
 * Compares two versions of a table: rows, decisions on a fixed grid (1, 2, 4 … 16384 tokens) among the table's own
 * kernels at the default margin of 5 percent, and the version step that they ask for. Patch: numbers changed, no
 * decision did; minor: rows added; major: a decision, or the kind of table, changed.
 */
export function diffTables(before: ThresholdTable, after: ThresholdTable): TableDiff {
  const rows = compare(
    byIdentity(before),
    byIdentity(after),
    (row, was, is): RowChange => ({
      change: was === null ? 'added' : is === null ? 'removed' : 'changed',
      row,
    }),
  );
  const decisions = compare(
    tableDecisions(before),
    tableDecisions(after),
    (at, was, is): DecisionChange => ({
      at,
      before: was,
      after: is,
    }),
  );
  const [bump, reason] = bumpOf(rows, decisions, before.kind === after.kind);
  if (bump !== 'none' || canonicalJson(describing(before)) === canonicalJson(describing(after))) {
    return { rows, decisions, bump, reason };
  }
  return { rows, decisions, bump: 'patch', reason: 'Title or provenance changed and no row did.' };
}

function describing({ title, provenance, synthetic }: ThresholdTable): unknown {
  return { title, provenance, synthetic };
}

const ORDER: readonly string[] = ['none', 'patch', 'minor', 'major'];

/**
 * Checks that a table's new version is a large enough step for what changed. Below 1.0.0 the same steps are asked for.
 * @throws TableError when the version goes back, or its step is smaller than the differences ask for
 */
export function requireVersionStep(before: ThresholdTable, after: ThresholdTable): TableDiff {
  const diff = diffTables(before, after);
  const fail = (message: string): never => {
    throw new TableError({
      message: `Threshold table "${after.name}": ${message}`,
      hint:
        diff.bump === 'none'
          ? `Keep version ${before.version}.`
          : `Use at least ${increment(before.version, diff.bump)}.`,
      place: { pointer: '/version' },
      details: { before: before.version, after: after.version, bump: diff.bump },
    });
  };
  if (isLess(after.version, before.version))
    fail(`version ${after.version} is older than ${before.version}.`);
  // `premajor`, `preminor` and `prepatch` are steps of their size; from one pre-release to the next is none.
  const step = difference(before.version, after.version)?.replace(/^pre/, '');
  const given = Math.max(0, ORDER.indexOf(step ?? 'none'));
  if (given < ORDER.indexOf(diff.bump)) {
    fail(
      `version ${before.version} → ${after.version} is too small a step; ${diff.reason} That is a ${diff.bump} change.`,
    );
  }
  return diff;
}
