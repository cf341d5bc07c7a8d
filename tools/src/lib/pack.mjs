import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './root.mjs';
import { plainEnvironment, pnpm, run } from './run.mjs';
import { publishedPackages } from './workspace.mjs';

/**
 * @typedef {{ name: string, folder: string, version: string, path: string }} Tarball
 */

/**
 * Packs every published package as `pnpm publish` would.
 *
 * @param {string} destination folder below .cache/, emptied first
 * @returns {Promise<Tarball[]>}
 */
export async function packAll(destination) {
  const folder = join(repositoryRoot, '.cache', destination);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return mapTwo(publishedPackages(), (pkg) => pack(pkg, folder));
}

/**
 * Packs a package of the workspace as `pnpm publish` would.
 *
 * @param {import('./workspace.mjs').WorkspacePackage} pkg
 * @param {string} folder that exists
 * @returns {Promise<Tarball>}
 */
export async function pack(pkg, folder) {
  const command = pnpm('pack', '--json', '--pack-destination', folder);
  const { code, output, stdout } = await run(command, { cwd: pkg.path, env: plainEnvironment() });
  if (code !== 0) throw new Error(`${pkg.name} cannot be packed:\n${output}`);
  const { filename } = JSON.parse(stdout.slice(stdout.indexOf('{')));
  return {
    name: pkg.name,
    folder: pkg.folder,
    version: pkg.manifest.version,
    path: join(folder, filename.split(/[\\/]/).pop()),
  };
}

/**
 * `map` with two at a time: as many as the smallest machine that runs the checks has cores.
 *
 * @template Item, Result
 * @param {readonly Item[]} items
 * @param {(item: Item) => Promise<Result>} work
 * @returns {Promise<Result[]>} in the order of the items
 */
export async function mapTwo(items, work) {
  /** @type {Result[]} */
  const results = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(/** @type {Item} */ (items[index]));
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}
