import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { plainEnvironment, pnpm, run } from '../lib/run.mjs';

/** Releases that the packed packages are run on, one per major that is supported. */
const RELEASES = { 20: '20.20.2', 24: '24.21.0' };

/**
 * Path of a Node of the given major: this one, or the one that npm ships as `node-<platform>-<arch>`.
 *
 * @param {20 | 24} major
 * @returns {Promise<string>}
 */
export async function nodeBinary(major) {
  if (Number.parseInt(process.versions.node, 10) === major) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(repositoryRoot, '.cache', `node-${RELEASES[major]}`);
  const binary = join(
    folder,
    'node_modules',
    name,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const command = pnpm(
    'add',
    '--ignore-workspace',
    '--prefer-offline',
    `${name}@${RELEASES[major]}`,
  );
  const { code, output } = await run(command, { cwd: folder, env: plainEnvironment() });
  if (code !== 0 || !existsSync(binary)) {
    throw new Error(`Node ${major} cannot be installed from the npm package ${name}:\n${output}`);
  }
  return binary;
}
