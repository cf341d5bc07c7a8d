import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
 */

/**
 * @typedef {object} WorkspacePackage
 * @property {string} name npm name
 * @property {string} folder name of its folder in packages/
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
  return readdirSync(join(root, 'packages'))
    .sort()
    .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
    .map((folder) => {
      const path = join(root, 'packages', folder);
      const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      return { name: manifest.name, folder, path, manifest };
    });
}

/**
 * Ends the program with a sentence when packages that it runs are not built.
 *
 * @param {...string} folders in packages/
 */
export function requireBuilt(...folders) {
  const missing = folders.filter(
    (folder) => !existsSync(join(repositoryRoot, 'packages', folder, 'dist/index.js')),
  );
  if (missing.length === 0) return;
  console.error(`not built: ${missing.join(', ')}. Run "pnpm build" first.`);
  process.exit(2);
}
