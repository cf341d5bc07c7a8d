import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A file of the bundle: a copy of one that exists, or bytes of its own.
 * @typedef {object} Entry
 * @property {string} path below the bundle's folder, with forward slashes
 * @property {string} [from] file that is copied
 * @property {string | Uint8Array} [content]
 * @property {boolean} [executable]
 */

/** @param {Entry} entry @returns {Uint8Array} */
export function bytesOf({ from, content }) {
  if (from !== undefined) return readFileSync(from);
  return typeof content === 'string' ? Buffer.from(content) : (content ?? Buffer.alloc(0));
}

/**
 * Files of a folder, or the one file, as entries below `path`.
 *
 * @param {string} from file or folder
 * @param {string} path
 * @param {(name: string) => boolean} [wanted] by path below `from`
 * @returns {Entry[]}
 */
export function copies(from, path, wanted = () => true) {
  if (!statSync(from).isDirectory()) return [{ from, path }];
  return readdirSync(from, { withFileTypes: true, recursive: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath ?? found.path, found.name))
    .map((file) => ({ file, name: file.slice(from.length + 1).replaceAll('\\', '/') }))
    .filter(({ name }) => !/(^|\/)node_modules\//.test(name) && wanted(name))
    .map(({ file, name }) => ({
      from: file,
      path: `${path}/${name}`,
      ...((statSync(file).mode & 0o100) !== 0 ? { executable: true } : {}),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
