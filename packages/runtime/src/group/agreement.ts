import { AgreementError, UsageError } from '@arfuse/contract';
import { ranksText } from './faults.ts';
import type { AgreementRecord } from './group.ts';

/** One field in which ranks differ. */
export interface Difference {
  readonly field: string;
  /** Each value with the ranks that have it; null where a rank has no such field. Most ranks first. */
  readonly values: readonly { readonly value: string | null; readonly ranks: readonly number[] }[];
}

/** Writes a record so that equal records are equal bytes. @throws UsageError for a value that is no string */
export function encodeRecord(record: AgreementRecord): Buffer {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [field, value] of entries as [string, unknown][]) {
    if (typeof value === 'string') continue;
    throw new UsageError({
      message: `field ${JSON.stringify(field)} of the record is ${String(value)}, which is no string.`,
      hint: 'Give every value as text; leave out fields that this rank does not have.',
      details: { field, value },
    });
  }
  return Buffer.from(JSON.stringify(entries));
}

function decodeRecord(bytes: Uint8Array): Map<string, string> {
  return new Map(JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string][]);
}

/** Fields in which records differ, by name. */
export function differences(records: readonly ReadonlyMap<string, string>[]): Difference[] {
  const fields = [...new Set(records.flatMap((record) => [...record.keys()]))].sort();
  const found: Difference[] = [];
  for (const field of fields) {
    const ranks = new Map<string | null, number[]>();
    for (const [rank, record] of records.entries()) {
      const value = record.get(field) ?? null;
      const same = ranks.get(value);
      if (same) same.push(rank);
      else ranks.set(value, [rank]);
    }
    if (ranks.size < 2) continue;
    found.push({
      field,
      values: [...ranks]
        .map(([value, having]) => ({ value, ranks: having }))
        .sort((a, b) => b.ranks.length - a.ranks.length),
    });
  }
  return found;
}

function valueText(value: string | null): string {
  if (value === null) return 'absent';
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value);
}

function listText(list: readonly string[]): string {
  return `${list.slice(0, 8).join(', ')}${list.length > 8 ? ', …' : ''}`;
}

/**
 * Compares the records of all ranks. Every rank compares the same bytes, so all come to the same answer.
 * @throws AgreementError
 */
export function requireAgreement(encoded: readonly Uint8Array[]): void {
  if (encoded.every((bytes) => Buffer.compare(bytes, encoded[0]!) === 0)) return;
  const fields = differences(encoded.map(decodeRecord));
  const sentences = fields.map(({ field, values }) => {
    const list = values.map(({ value, ranks }) => `${valueText(value)} at ${ranksText(ranks)}`);
    return `${field} is ${listText(list)}`;
  });
  throw new AgreementError({
    message: `the ranks do not agree: ${sentences.join('; ')}.`,
    hint: 'Start all ranks with the same plan, the same versions and the same devices.',
    details: { fields },
  });
}

/**
 * Requires that all ranks came to one operation, with equally many bytes where they have to be.
 * @throws AgreementError
 */
export function requireSame(what: 'operation' | 'message size', values: readonly string[]): void {
  if (values.every((value) => value === values[0])) return;
  const [{ values: groups }] = differences(values.map((value) => new Map([[what, value]]))) as [
    Difference,
  ];
  const list = groups.map(({ value, ranks }) => `${value} at ${ranksText(ranks)}`);
  throw new AgreementError({
    message: `the ranks differ in ${what}: ${listText(list)}.`,
    hint:
      what === 'operation'
        ? 'All ranks must call the same operations in the same order.'
        : 'exchange() needs equally many bytes from every rank: pad them.',
    details: { fields: [{ field: what, values: groups }] },
  });
}
