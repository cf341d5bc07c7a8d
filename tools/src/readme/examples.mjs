import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from '../house/package-shape.mjs';
import { publishedPackages } from '../lib/workspace.mjs';

/**
 * @typedef {object} Example
 * @property {string} readme path below the root
 * @property {number} line of its first line in the README
 * @property {string} code
 * @property {string} home folder below the root whose packages the example may import
 */

/**
 * Every TypeScript block of the root README and of the packages' READMEs.
 *
 * @param {string} root
 * @returns {Example[]}
 */
export function readmeExamples(root) {
  const readmes = [
    { readme: 'README.md', home: 'tools' },
    ...publishedPackages(root).map(({ directory, name }) => ({
      readme: `${directory}/README.md`,
      // tools/ depends on every package but the program itself, which resolves its own name.
      home: name === 'arfuse' ? directory : 'tools',
    })),
  ];
  return readmes
    .filter(({ readme }) => existsSync(join(root, readme)))
    .flatMap(({ readme, home }) =>
      codeBlocks(readFileSync(join(root, readme), 'utf8'), 'ts').map((block) => ({
        readme,
        home,
        ...block,
      })),
    );
}

/**
 * What an example says that it prints: the comment behind each `console.log(…);`.
 *
 * @param {string} code
 */
export function promisedOutput(code) {
  return [...code.matchAll(/^[ \t]*console\.log\(.*\);[ \t]*\/\/ ?(.+)$/gm)].map((match) =>
    (match[1] ?? '').trim(),
  );
}

/**
 * Promised lines that were not printed in this order.
 *
 * @param {readonly string[]} promised
 * @param {readonly string[]} printed
 */
export function missingOutput(promised, printed) {
  let from = 0;
  return promised.filter((line) => {
    const found = printed.findIndex((text, index) => index >= from && text.trim() === line);
    if (found < 0) return true;
    from = found + 1;
    return false;
  });
}

/**
 * Command lines of a Markdown text that run on our fixtures, without the part that starts the program.
 *
 * @param {string} markdown
 * @returns {string[][]}
 */
export function fixtureCommands(markdown) {
  return codeBlocks(markdown, 'sh').flatMap(({ code }) =>
    code
      .split('\n')
      .map((line) => /^\$? ?(?:pnpm --silent |npx )?arfuse (.*fixtures\/[^|>#]*)/.exec(line)?.[1])
      .filter((line) => line !== undefined)
      .map((line) => line.trim().split(/\s+/)),
  );
}
