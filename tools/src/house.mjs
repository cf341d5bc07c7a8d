// House rules of this repository. `pnpm house` checks them; each violation says where and what to do.
import { pathToFileURL } from 'node:url';
import { commands } from './house/commands.mjs';
import { declaredImports, importRows } from './house/dependency-rows.mjs';
import { packageShape } from './house/package-shape.mjs';
import { rawEvaluator } from './house/raw-evaluator.mjs';
import { Repository } from './house/repository.mjs';
import { fileSize, lockfile, noAny, privateText, unfinished } from './house/text.mjs';
import { topLevel } from './house/top-level.mjs';
import { printChecks } from './lib/checks.mjs';
import { repositoryRoot } from './lib/root.mjs';

/** @type {readonly import('./house/repository.mjs').Rule[]} */
export const RULES = [
  topLevel,
  packageShape,
  importRows,
  declaredImports,
  rawEvaluator,
  fileSize,
  unfinished,
  noAny,
  privateText,
  lockfile,
  commands,
];

/**
 * @param {string} root
 * @returns {import('./lib/checks.mjs').Check[]}
 */
export function checkHouse(root) {
  const repository = new Repository(root);
  return RULES.map((rule) => ({
    name: rule.name,
    problems: rule
      .check(repository)
      .map(
        ({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`,
      ),
  }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  printChecks(checkHouse(repositoryRoot));
}
