import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadNative } from '@arfuse/native';
import { run } from '../lib/run.mjs';
import { commandEntries, gpuCommands, runScript } from './commands.mjs';
import { copies } from './entries.mjs';
import { layOut, packageEntries } from './packages.mjs';

/** @typedef {import('./entries.mjs').Entry} Entry */

/**
 * Node and its licence, which lies beside it as nodejs.org, npm or a distribution put it.
 *
 * @param {string} binary
 * @returns {Entry[]}
 */
export function nodeEntries(binary) {
  const prefix = dirname(dirname(realpathSync(binary)));
  const licence = ['LICENSE', 'share/doc/nodejs/LICENSE']
    .map((name) => join(prefix, name))
    .find((path) => existsSync(path));
  return [
    { from: binary, path: 'node/bin/node', executable: true },
    ...(licence === undefined ? [] : [{ from: licence, path: 'node/LICENSE' }]),
  ];
}

/**
 * Everything of a bundle except Node and what is made by running it.
 *
 * @param {string} root the repository, built
 * @returns {Entry[]}
 */
export function repositoryEntries(root) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(join(root, 'tools/package.json'), 'utf8'));
  const commands = gpuCommands(scripts);
  const roots = new Map([['arfuse', join(root, 'packages/cli')]]);
  for (const name of Object.keys(dependencies))
    roots.set(name, join(root, 'tools/node_modules', name));
  const built = join(root, 'native/build/Release');
  const entries = [
    { path: 'run.sh', content: runScript(commands), executable: true },
    { path: 'package.json', content: '{ "private": true, "type": "module" }\n' },
    { from: join(root, 'LICENSE'), path: 'LICENSE' },
    ...commandEntries(root),
    ...[...layOut(roots)].flatMap(([path, folder]) => packageEntries(folder, path)),
    ...copies(
      built,
      'node_modules/@arfuse/native/build/Release',
      (name) => !/[./]d$|\.a$/.test(name),
    ),
    ...copies(join(root, 'fixtures'), 'fixtures'),
    // Results are written to where a checkout has them.
    { path: 'docs/results/.keep', content: '' },
  ];
  // Programs name fixtures too.
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()];
}

/**
 * Newest source of the addon that is newer than the binary; undefined when there is none.
 *
 * @param {string} root
 */
export function newerSource(root) {
  const built = statSync(join(root, 'native/build/Release/arfuse.node')).mtimeMs;
  const files = ['native/cpp', 'native/cmake']
    .flatMap((name) => readdirSync(join(root, name), { withFileTypes: true, recursive: true }))
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath ?? found.path, found.name));
  const [newest] = [...files, join(root, 'native/CMakeLists.txt')]
    .map((file) => ({ file: file.slice(root.length + 1), time: statSync(file).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  return newest !== undefined && newest.time > built ? newest.file : undefined;
}

/**
 * What the bundle was made of, for whoever finds a result of it.
 *
 * @param {string} root
 * @param {string} node binary that is bundled
 * @returns {Promise<Entry>}
 */
export async function recordEntry(root, node) {
  const say = async (/** @type {string[]} */ ...command) => {
    const { code, stdout } = await run(command, { cwd: root });
    return code === 0 ? stdout.trim() : undefined;
  };
  const path = join(root, 'native/build/Release/arfuse.node');
  const addon = readFileSync(path);
  const { binding } = loadNative({ candidates: [{ id: 'local', path }] });
  const status = await say('git', 'status', '--porcelain');
  const record = {
    commit: (await say('git', 'rev-parse', 'HEAD')) ?? null,
    changed: status === undefined ? null : status !== '',
    made: new Date().toISOString(),
    node: (await say(node, '--version')) ?? null,
    addon: {
      bytes: addon.length,
      sha256: createHash('sha256').update(addon).digest('hex'),
      architectures: binding.cudaArchitectures,
    },
  };
  return { path: 'bundle.json', content: `${JSON.stringify(record, null, 2)}\n` };
}
