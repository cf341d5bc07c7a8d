import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainEnvironment, pnpm, run } from '../lib/run.mjs';

/**
 * Makes a folder outside the workspace, installs our packages there from their tarballs, and removes the
 * folder when the work is done.
 *
 * @template Result
 * @param {object} options
 * @param {readonly import('../lib/pack.mjs').Tarball[]} options.tarballs every packed package
 * @param {readonly string[]} [options.dependencies] names of ours to install directly
 * @param {readonly string[]} [options.flags] more flags of the installation
 * @param {string} options.template folder whose files are copied in, with or without a package.json
 * @param {(folder: string) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function inProject({ tarballs, dependencies = [], template, flags = [] }, work) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'arfuse-consumer-')));
  try {
    cpSync(template, folder, { recursive: true });
    const places = Object.fromEntries(tarballs.map(({ name, path }) => [name, `file:${path}`]));
    const missing = dependencies.filter((name) => places[name] === undefined);
    if (missing.length > 0) throw new Error(`not packed: ${missing.join(', ')}`);
    const path = join(folder, 'package.json');
    const given = existsSync(path)
      ? JSON.parse(readFileSync(path, 'utf8'))
      : { private: true, type: 'module' };
    const direct = Object.fromEntries(dependencies.map((name) => [name, places[name]]));
    const manifest = {
      ...given,
      dependencies: { ...given.dependencies, ...direct },
      // Ours depend on each other by version; those versions are not in a registry yet.
      pnpm: { overrides: places },
    };
    writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
    const install = pnpm(
      'install',
      '--ignore-workspace',
      '--prefer-offline',
      '--strict-peer-dependencies',
      ...flags,
    );
    const { code, output } = await run(install, { cwd: folder, env: plainEnvironment() });
    if (code !== 0) throw new Error(`pnpm install failed:\n${output}`);
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs a program in a consumer's folder and turns a wrong ending into a problem.
 *
 * @param {string} name of the check
 * @param {readonly string[]} command
 * @param {string} cwd
 * @param {number} [expectedCode]
 * @param {(output: string) => string | undefined} [inspect] what is wrong with its output, if anything
 * @param {NodeJS.ProcessEnv} [variables] more of its environment
 * @returns {Promise<import('../lib/checks.mjs').Check>}
 */
export async function check(
  name,
  command,
  cwd,
  expectedCode = 0,
  inspect = () => undefined,
  variables = {},
) {
  const env = { ...plainEnvironment(), NODE_OPTIONS: '', ...variables };
  const { code, output } = await run(command, { cwd, env, timeoutMs: 300_000 });
  const problem =
    code === expectedCode ? inspect(output) : `ended with exit code ${code}, not ${expectedCode}`;
  return {
    name,
    problems: problem === undefined ? [] : [`${name}: ${problem}\n${output.trim().slice(-4000)}`],
  };
}
