// Checks the C++ sources with clang-tidy, after a build of the addon and without a GPU: `node tools/src/clang-tidy.mjs`.
// native/.clang-tidy says what is checked. A finding in a header counts once, for the first file that includes it.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readable, tidyCommands } from './clang-tidy/commands.mjs';
import { prepareProgram } from './clang-tidy/program.mjs';
import { tidyUnit } from './clang-tidy/unit.mjs';
import { printChecks, unproven } from './lib/checks.mjs';
import { mapTwo } from './lib/pack.mjs';
import { repositoryRoot } from './lib/root.mjs';

/** @typedef {import('./lib/checks.mjs').Check} Check */

const NAME = 'clang-tidy';
const SOURCES = join(repositoryRoot, 'native/cpp');
const BUILT = join(repositoryRoot, 'native/build/compile_commands.json');
const COMMANDS = join(repositoryRoot, '.cache/clang-tidy');

/** Files that are compiled by themselves, absolute. */
function units() {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cpp|cu)$/.test(name))
    .sort()
    .map((name) => join(SOURCES, name))
    .filter(readable);
}

/** @returns {Promise<Check[]>} */
async function checks() {
  if (!existsSync(BUILT)) return [unproven(NAME, 'the native addon is not built here')];
  const prepared = await prepareProgram();
  if ('missing' in prepared) return [unproven(NAME, prepared.missing)];
  const commands = tidyCommands(JSON.parse(readFileSync(BUILT, 'utf8')));
  mkdirSync(COMMANDS, { recursive: true });
  writeFileSync(join(COMMANDS, 'compile_commands.json'), JSON.stringify(commands));
  const compiled = new Set(commands.map(({ file }) => file));
  /** @type {Set<string>} */
  const known = new Set();
  return mapTwo(units(), async (file) => {
    const name = `${NAME} ${relative(repositoryRoot, file)}`;
    // It would be read without its include folders and definitions.
    if (!compiled.has(file)) return unproven(name, 'it is no part of the addon as built here');
    const found = await tidyUnit(prepared.program, COMMANDS, file);
    const problems = found.filter((finding) => !known.has(finding));
    for (const problem of problems) known.add(problem);
    return { name, problems };
  });
}

printChecks(await checks());
