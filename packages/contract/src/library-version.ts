/** Digits of a release and whether it is a candidate before it: `0.7.2.post1` → `[0, 7, 2, 1]`, no candidate. */
function parts(version: string): { numbers: number[]; candidate: boolean } | undefined {
  const match = /^(\d+(?:\.\d+)*)(?:\.?(rc|a|b|dev|post)(\d+))?$/.exec(version);
  if (!match) return undefined;
  const numbers = match[1]!.split('.').map(Number);
  while (numbers.length < 3) numbers.push(0);
  const [, , tag, count] = match;
  if (tag === 'post') numbers.push(Number(count));
  return { numbers, candidate: tag !== undefined && tag !== 'post' };
}

/** Whether a text is a version such as `2.28.9`, `0.7.2.post1` or `0.6.18rc7`. */
export function isLibraryVersion(text: string): boolean {
  return parts(text) !== undefined;
}

/**
 * Whether a library's version is at least a floor. Release candidates come before their release, post-releases after.
 * False when either text is no version.
 */
export function libraryVersionAtLeast(version: string, floor: string): boolean {
  const found = parts(version);
  const wanted = parts(floor);
  if (!found || !wanted) return false;
  const length = Math.max(found.numbers.length, wanted.numbers.length);
  for (let i = 0; i < length; i += 1) {
    const difference = (found.numbers[i] ?? 0) - (wanted.numbers[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return !found.candidate || wanted.candidate;
}
