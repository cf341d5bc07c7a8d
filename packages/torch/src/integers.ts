/** Longest integer, digits. A graph in arfuse's JSON holds 4000 decimal ones; hexadecimal ones become more. */
export const MAX_DIGITS = 3000;

/** The value of a decimal or hexadecimal literal, a bigint where a number is not exact; undefined for one that is too long. */
export function exactInteger(text: string): number | bigint | undefined {
  if (text.length > MAX_DIGITS) return undefined;
  const value = BigInt(text);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
