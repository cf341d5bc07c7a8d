/** JSON has no bigint, infinity or NaN; they are printed as text, so that nothing turns into `null` or fails. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** The text of one JSON document, with its line break. */
export function printJson(value: unknown): string {
  return `${JSON.stringify(value, plain, 2)}\n`;
}
