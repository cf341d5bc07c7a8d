/** Names as tables show them: arfuse's own packages without their scope. JSON and `explain` have them in full. */
export const shortName = (name: string): string => name.replaceAll('@arfuse/', '');

/** Name of a table without the package that carries the built-in ones. */
export const shortTable = (name: string): string => shortName(name).replace(/^thresholds\//, '');

/** A composition of kernels. */
export const shortSteps = (kernels: readonly string[]): string =>
  kernels.map(shortName).join(' + ');

/** A time in microseconds with three significant digits, at most two of them after the point. */
export function micros(us: number | undefined): string {
  if (us === undefined) return '-';
  return us.toFixed(us < 10 ? 2 : us < 100 ? 1 : 0);
}

/** A count with its noun. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
