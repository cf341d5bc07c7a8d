// Makes a bundle and runs it as on a bare host: an empty home, a PATH with a shell and nothing else, no GPU.
// `node tools/src/bundle/check.mjs` after a build and `node tools/src/native.mjs`.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { printChecks, unproven } from '../lib/checks.mjs';
import { repositoryRoot } from '../lib/root.mjs';
import { run, stopChildrenOnSignal } from '../lib/run.mjs';
import { requireBuilt } from '../lib/workspace.mjs';
import { gpuCommands } from './commands.mjs';

/** @typedef {import('../lib/checks.mjs').Check} Check */
/** @typedef {(stdout: string) => boolean} Inspect */

const GRAPH = 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz';

/** A folder of links to the only programs that `run.sh` may need. @param {string} folder */
function barePath(folder) {
  mkdirSync(folder);
  for (const program of ['sh', 'dirname']) {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map((place) => join(place, program))
      .find((path) => existsSync(path));
    if (found !== undefined) symlinkSync(found, join(folder, program));
  }
  return folder;
}

/** @param {string} folder an empty one @returns {Promise<Check[]>} */
async function checkBundle(folder) {
  const { makeBundle } = await import('./make.mjs');
  const { path } = await makeBundle(repositoryRoot, { out: folder, format: 'tar.xz' });
  const host = join(folder, 'host');
  mkdirSync(host);
  const unpacked = await run(['tar', 'xf', path], { cwd: host });
  if (unpacked.code !== 0) throw new Error(`it does not unpack:\n${unpacked.output}`);
  const bundle = join(host, 'arfuse-linux-x64');
  const home = join(host, 'home');
  mkdirSync(home);
  const env = { PATH: barePath(join(host, 'bin')), HOME: home, CUDA_VISIBLE_DEVICES: '' };
  /** @param {readonly string[]} args @param {number} expected @param {Inspect} [inspect] @returns {Promise<Check>} */
  const check = async (args, expected, inspect = () => true) => {
    const name = `bundle: run.sh ${args.join(' ')}`;
    const { code, output, stdout } = await run(['sh', 'run.sh', ...args], {
      cwd: bundle,
      env,
      timeoutMs: 120_000,
    });
    const right = code === expected && inspect(stdout);
    return {
      name,
      problems: right
        ? []
        : [`${name}: exit code ${code}, expected ${expected}; it printed:\n${output.slice(-2000)}`],
    };
  };
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const { version } = JSON.parse(
    readFileSync(join(repositoryRoot, 'packages/cli/package.json'), 'utf8'),
  );
  const checks = [
    await check([], 2),
    await check(['nonsense'], 2),
    await check(['arfuse', '--version'], 0, (stdout) => stdout.trim() === version),
    await check(
      ['arfuse', 'plan', GRAPH, '--target', 'h200-sxm,world=2', '--json'],
      0,
      (stdout) => JSON.parse(stdout).summary.sites === 64,
    ),
    await check(
      [
        'arfuse',
        'run',
        'plans/llama3-8b.tp2.h200-sxm.plan.json',
        '--on',
        'reference',
        '--tokens',
        '1',
        '--json',
      ],
      0,
    ),
  ];
  // Without a GPU they say so, and nothing is run.
  for (const name of gpuCommands(manifest.scripts).keys())
    checks.push(
      await check([name], 3, (stdout) => stdout.includes('no GPU')),
      await check([name, '--help'], 0, (stdout) => stdout.includes(`pnpm ${name}`)),
      await check([name, '--nonsense'], 2),
    );
  const left = readdirSync(home);
  checks.push({
    name: 'bundle: leaves the home alone',
    problems: left.length > 0 ? [`bundle: it left ${left.join(', ')} in the home`] : [],
  });
  checks.push(await checkPython(path, bundle));
  return checks;
}

/**
 * A host whose tar finds no xz unpacks with Python.
 *
 * @param {string} archive
 * @param {string} bundle what tar unpacked
 * @returns {Promise<Check>}
 */
async function checkPython(archive, bundle) {
  const name = 'bundle: unpacks with Python';
  const { code, output, stdout } = await run(['python3', '-m', 'tarfile', '-l', archive]);
  if (code === 127) return unproven(name, 'this machine has no python3');
  const files = readdirSync(bundle, { withFileTypes: true, recursive: true });
  const expected = files.filter((file) => file.isFile()).length;
  const listed = stdout.trim().split('\n').length;
  return {
    name,
    problems:
      code === 0 && listed === expected
        ? []
        : [
            `${name}: Python lists ${listed} files, tar unpacked ${expected}. ${output.slice(-500)}`,
          ],
  };
}

async function main() {
  requireBuilt('cli', 'native');
  const { refusal } = await import('./make.mjs');
  const reason = refusal(repositoryRoot);
  if (reason !== undefined) return [{ name: 'bundle', problems: [`no bundle: ${reason}`] }];
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-bundle-'));
  try {
    return await checkBundle(folder);
  } catch (error) {
    return [{ name: 'bundle', problems: [`bundle: ${/** @type {Error} */ (error).message}`] }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

stopChildrenOnSignal();
printChecks(await main());
