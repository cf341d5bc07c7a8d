import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { loadNative } from '@arfuse/native';
import { nodeBinary } from '../consumer/node-binary.mjs';
import { plainEnvironment, run } from '../lib/run.mjs';
import { writeArchive } from './archive.mjs';
import { newerSource, nodeEntries, recordEntry, repositoryEntries } from './contents.mjs';
import { bytesOf } from './entries.mjs';

/** @typedef {import('./entries.mjs').Entry} Entry */
/** @typedef {'tar.xz' | 'tar.gz' | 'dir'} Format */

/** Most bytes of an archive: what a host without a network is reached through takes no more. */
export const MOST_BYTES = 64 * 2 ** 20;

const TARGET = 'h200-sxm,world=2';

/**
 * Why nothing can be bundled; undefined when it can. Loads the addon, as the host will.
 *
 * @param {string} root
 */
export function refusal(root) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `a bundle is for Linux x86-64 and made there; this is ${process.platform} ${process.arch}.`;
  const path = join(root, 'native/build/Release/arfuse.node');
  if (!existsSync(path))
    return 'the addon is not built: native/build/Release/arfuse.node does not exist. Run "node tools/src/native.mjs" or "pnpm arfuse native build".';
  try {
    const { binding } = loadNative({ candidates: [{ id: 'local', path }] });
    if (binding.cudaArchitectures !== null) return undefined;
    return 'the addon has no CUDA kernels: it was built without a CUDA compiler. Build it again with "node tools/src/native.mjs".';
  } catch (error) {
    return `the addon does not load: ${/** @type {Error} */ (error).message} Build it again with "node tools/src/native.mjs".`;
  }
}

/** This Node, unless it is linked against libraries that another machine may not have. */
async function portableNode() {
  const shared = Object.entries(process.config.variables).filter(
    ([name, value]) => name.startsWith('node_shared') && String(value) === 'true',
  );
  return shared.length === 0 ? process.execPath : nodeBinary(24);
}

/**
 * Writes entries as a folder, whole or not at all.
 *
 * @param {readonly Entry[]} entries
 * @param {string} folder replaced
 */
function writeFolder(entries, folder) {
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}.partial-`);
  try {
    for (const entry of entries) {
      const path = join(partial, entry.path);
      mkdirSync(dirname(path), { recursive: true });
      if (entry.from !== undefined) copyFileSync(entry.from, path, constants.COPYFILE_FICLONE);
      else writeFileSync(path, bytesOf(entry));
      chmodSync(path, entry.executable ? 0o755 : 0o644);
    }
    chmodSync(partial, 0o755);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/**
 * Plans of the captured graphs.
 *
 * @param {string} root
 * @returns {Promise<Entry[]>}
 */
async function planEntries(root) {
  const folder = 'fixtures/graphs';
  const graphs = readdirSync(join(root, folder)).filter((name) => name.includes('.fx.'));
  const plans = graphs.map(async (graph) => {
    const args = ['plan', `${folder}/${graph}`, '--target', TARGET, '--json'];
    const command = [process.execPath, 'packages/cli/dist/main.js', ...args];
    const { code, output, stdout } = await run(command, { cwd: root, env: plainEnvironment() });
    if (code !== 0) throw new Error(`arfuse cannot plan ${graph}:\n${output}`);
    return {
      path: `plans/${graph.replace(/\.fx\..*$/, '')}.h200-sxm.plan.json`,
      content: stdout,
    };
  });
  return Promise.all(plans);
}

/**
 * Makes a bundle for a host without internet, Node or pnpm.
 *
 * @param {string} root the repository, built
 * @param {{ out: string, format: Format }} options
 * @returns {Promise<{ path: string, bytes: number | undefined, warnings: string[] }>} bytes of the archive
 */
export async function makeBundle(root, { out, format }) {
  const name = 'arfuse-linux-x64';
  const node = await portableNode();
  const steady = nodeEntries(node);
  const changing = [
    ...repositoryEntries(root),
    ...(await planEntries(root)),
    await recordEntry(root, node),
  ];
  const newer = newerSource(root);
  const warnings =
    newer === undefined
      ? []
      : [
          `${newer} is newer than the addon. If it changed, run "node tools/src/native.mjs" and bundle again.`,
        ];
  if (format === 'dir') {
    const path = join(out, name);
    writeFolder([...steady, ...changing], path);
    return { path, bytes: undefined, warnings };
  }
  const path = join(out, `${name}.${format}`);
  const kept = join(root, '.cache/bundle/kept');
  const bytes = await writeArchive(path, { folder: name, steady, changing, format, kept });
  if (bytes <= MOST_BYTES) return { path, bytes, warnings };
  rmSync(path);
  throw new Error(
    `the archive has ${(bytes / 2 ** 20).toFixed(1)} MiB; ${MOST_BYTES / 2 ** 20} MiB is the most. Build the addon for fewer architectures.`,
  );
}
