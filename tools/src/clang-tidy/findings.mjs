import { relative, resolve } from 'node:path';

const LINE = /^(\/.+?):(\d+):\d+: (error|warning|note): (.*)$/;

/**
 * What clang-tidy found, one text each, with the notes that explain it below.
 *
 * @param {string} output
 * @param {string} root folder that paths are given from
 * @returns {string[]}
 */
export function findingsOf(output, root) {
  /** @type {string[]} */
  const findings = [];
  for (const line of output.split('\n')) {
    const match = LINE.exec(line);
    // Without a place: a file that cannot be read, or an option that is unknown.
    if (match === null && line.startsWith('error: ')) findings.push(line);
    if (match === null) continue;
    const [, path = '', number, kind, words = ''] = match;
    const place = `${relative(root, resolve(path))}:${number}`;
    const text = `${place}: ${words.replace(',-warnings-as-errors]', ']')}`;
    if (kind !== 'note') findings.push(text);
    else if (findings.length > 0) findings.push(`${findings.pop()}\n  ${text}`);
  }
  return findings;
}
