import {
  type Place,
  requireSpecificationVersion,
  TableError,
  type ThresholdTable,
} from '@arfuse/contract';
import { tableSchemas } from './table-schema.ts';

/** RFC 6901 pointer of a path of property names and indices. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current: unknown = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}

function quote(value: unknown): string {
  const printed = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return printed.length > 80 ? `${printed.slice(0, 77)}...` : printed;
}

/**
 * Reads a threshold table from parsed JSON. Unknown members are refused.
 * @param value - what `JSON.parse` returned
 * @param place - where it came from, for errors
 * @throws SpecificationVersionError for a version that this release does not know
 * @throws TableError with a JSON pointer to the first offending member
 */
export function parseTable(value: unknown, place: Place = {}): ThresholdTable {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TableError({
      message: `A threshold table is a JSON object; found ${quote(value)}.`,
      hint: 'Give a file with specificationVersion, kind, name, version, title, provenance and rows.',
      place: { ...place, pointer: '' },
    });
  }
  const record = value as Record<string, unknown>;
  const name = typeof record.name === 'string' ? record.name : '(unnamed)';
  requireSpecificationVersion(`threshold table "${name}"`, record.specificationVersion);
  const result = tableSchemas().table.safeParse(value);
  if (result.success) return result.data;
  const [issue, ...rest] = result.error.issues;
  const path = issue?.path ?? [];
  throw new TableError({
    message: `Threshold table "${name}": ${issue?.message ?? 'invalid'} at ${jsonPointer(path) || '/'}; found ${quote(valueAt(value, path))}.${rest.length > 0 ? ` ${rest.length} more in the same table.` : ''}`,
    hint: 'Correct that member; the published JSON Schema in @arfuse/thresholds/schema lists every member.',
    place: { ...place, pointer: jsonPointer(path) },
    details: { table: name, issues: result.error.issues.length },
  });
}
