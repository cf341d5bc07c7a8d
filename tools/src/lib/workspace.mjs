import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { repositoryRoot } from './root.mjs';

/**
 * The fields of a package.json that the tools look at.
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {string} [type]
 * @property {string} [license]
 * @property {string} [description]
 * @property {{ node?: string }} [engines]
 * @property {{ directory?: string }} [repository]
 * @property {readonly string[]} [files]
 * @property {Record<string, string>} [bin]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string | Record<string, string>>} [exports]
 * @property {{ exports?: Record<string, string | Record<string, string>> }} [publishConfig]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {readonly string[]} [os]
 * @property {readonly string[]} [cpu]
 * @property {readonly string[]} [libc]
 */

/**
 * @typedef {object} WorkspacePackage
 * @property {string} name npm name
 * @property {string} folder name of its folder
 * @property {string} directory path of that folder below the root: packages/x, or native
 * @property {string} path absolute path of that folder
 * @property {Manifest} manifest its package.json
 */

/**
 * The published packages, by folder name.
 *
 * @param {string} [root] repository to read
 * @returns {WorkspacePackage[]}
 */
export function publishedPackages(root = repositoryRoot) {
  return [...readdirSync(join(root, 'packages')).map((folder) => `packages/${folder}`), 'native']
    .sort()
    .filter((directory) => existsSync(join(root, directory, 'package.json')))
    .map((directory) => {
      const path = join(root, directory);
      const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      return { name: manifest.name, folder: basename(directory), directory, path, manifest };
    });
}

/**
 * The packages that hold the addon of one platform each. They have no sources of their own.
 *
 * @param {string} [root] repository to read
 * @returns {WorkspacePackage[]}
 */
export function platformPackages(root = repositoryRoot) {
  return readdirSync(join(root, 'native/platforms'))
    .sort()
    .map((folder) => {
      const path = join(root, 'native/platforms', folder);
      const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      return {
        name: manifest.name,
        folder,
        directory: `native/platforms/${folder}`,
        path,
        manifest,
      };
    });
}

/**
 * Ends the program with a sentence when packages that it runs are not built.
 *
 * @param {...string} folders names of their folders
 */
export function requireBuilt(...folders) {
  const missing = folders.filter(
    (folder) => !existsSync(join(directoryOf(folder), 'dist/index.js')),
  );
  if (missing.length === 0) return;
  console.error(`not built: ${missing.join(', ')}. Run "pnpm build" first.`);
  process.exit(2);
}

/** @param {string} folder */
function directoryOf(folder) {
  return join(repositoryRoot, folder === 'native' ? folder : `packages/${folder}`);
}
