/** Longest piece of an input that an error quotes, characters. */
const LONGEST = 80;

/** A text for a message: its beginning and end with "…" between them when it is long. Damaged input holds names of megabytes. */
export function cut(text: string, most = LONGEST): string {
  if (text.length <= most) return text;
  const end = Math.floor(most / 4);
  const [head, tail] = [text.slice(0, most - end - 1), text.slice(-end)];
  // No half of a surrogate pair on either side.
  return `${head.replace(/[\ud800-\udbff]$/, '')}…${tail.replace(/^[\udc00-\udfff]/, '')}`;
}

/** A name or value of the input in double quotes, cut and escaped. */
export function quote(text: string): string {
  return JSON.stringify(cut(text));
}
