import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @typedef {{ type: 'string', default?: string } | { type: 'boolean', default?: boolean }} Option */
/**
 * @template {Record<string, Option>} Options
 * @typedef {{ [Name in keyof Options]: (Options[Name]['type'] extends 'string' ? string : boolean) |
 *   (Options[Name] extends { default: string | boolean } ? never : undefined) }} Values
 */

/** What a program says of itself: the comment that its file begins with. @param {string} url */
function usageOf(url) {
  const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}

/**
 * The options that a program was given. `--help` prints its usage and ends it; with an option that it does not know, or a value where
 * none belongs, it ends with exit code 2.
 *
 * @template {Record<string, Option>} Options
 * @param {string} url of the program
 * @param {Options} options as `parseArgs` takes them
 * @returns {Values<Options>}
 */
export function optionsOf(url, options) {
  const help = /** @type {const} */ ({ type: 'boolean', default: false });
  try {
    const values = /** @type {any} */ (parseArgs({ options: { ...options, help } }).values);
    if (!values.help) return values;
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${usageOf(url)}`);
    process.exit(2);
  }
  console.log(usageOf(url));
  process.exit(0);
}

/** The seed that was given, or one that differs from run to run. @param {string} [given] */
export const seedOf = (given) => (given === undefined ? Date.now() % 2 ** 31 : Number(given));
