import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copies } from './entries.mjs';

/** What only a build from source uses, and the platform packages: the bundle has the addon that was built here. */
const LEFT_OUT = /^(cmake-js|node-addon-api|@arfuse\/native-.*)$/;

/** Files of a package that no program loads. Licences stay. */
const UNUSED = /\.(md|markdown|map|ts|mts|cts|flow)$|^(test|tests|docs|examples?)\//;

/** @param {string} folder */
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/**
 * Folder of a package, found as Node finds it: in the nearest `node_modules` above.
 *
 * @param {string} name
 * @param {string} from folder of the package that imports it
 */
function folderOf(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return realpathSync(found);
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Packages and all that they need in production, laid out so that Node finds them: one version of each at the top, another
 * one below the package that wants it.
 *
 * @param {ReadonlyMap<string, string>} roots folders of packages by name
 * @returns {Map<string, string>} folder to copy, by path below the bundle's folder
 */
export function layOut(roots) {
  /** @type {Map<string, string>} */
  const places = new Map();
  /** @param {string} name @param {string} folder @param {string} parent where the package lies that wants it */
  const place = (name, folder, parent) => {
    const top = `node_modules/${name}`;
    if (places.get(top) === folder) return;
    const path = places.has(top) && parent !== '' ? `${parent}/node_modules/${name}` : top;
    if (places.get(path) === folder) return;
    places.set(path, folder);
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
    } = manifestOf(folder);
    for (const wanted of Object.keys({
      ...dependencies,
      ...optionalDependencies,
      ...peerDependencies,
    })) {
      if (LEFT_OUT.test(wanted)) continue;
      const found = folderOf(wanted, folder);
      if (found !== undefined) place(wanted, found, path);
      else if (wanted in dependencies)
        throw new Error(`${name} needs ${wanted}, which is not installed`);
    }
  };
  for (const [name, folder] of roots) place(name, realpathSync(folder), '');
  return places;
}

/**
 * Files of a package that a program may load.
 *
 * @param {string} folder
 * @param {string} path where it lies in the bundle
 */
export function packageEntries(folder, path) {
  const { name, files } = manifestOf(folder);
  if (!String(name).startsWith('@arfuse/') && name !== 'arfuse')
    return copies(folder, path, (file) => !UNUSED.test(file));
  // Ours: what is built, and data beside it. Sources of the addon stay at home.
  const shipped = (files ?? []).filter(
    (/** @type {string} */ file) =>
      !/^(cpp|cmake|toolchain|CMakeLists\.txt)$|\.md$/.test(file) && existsSync(join(folder, file)),
  );
  return ['package.json', ...shipped].flatMap((file) =>
    copies(join(folder, file), `${path}/${file}`, (below) => !UNUSED.test(below)),
  );
}
