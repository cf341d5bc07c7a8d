import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { unproven } from '../lib/checks.mjs';
import { repositoryRoot } from '../lib/root.mjs';
import { BUILT, packPlatform } from '../platform-package.mjs';
import { brokenAddons } from './broken-addons.mjs';
import { check, inProject } from './project.mjs';

/** @typedef {import('../lib/checks.mjs').Check} Check */
/** @typedef {import('../consumer.mjs').NodeRelease} NodeRelease */

const NAME = '@arfuse/native-linux-x64-cuda13';

/** @param {RegExp} pattern @returns {(output: string) => string | undefined} */
const says = (pattern) => (output) =>
  pattern.test(output) ? undefined : `did not say ${pattern.source}`;

/** Writes a new file: what a store has linked is not touched. @param {string} path @param {string} text */
function replace(path, text) {
  rmSync(path);
  writeFileSync(path, text);
}

/**
 * An application that was bundled with `@arfuse/native` inside, beside the platform package alone.
 *
 * @param {string} folder of the consumer
 * @param {string} platform folder of its platform package
 * @returns {Promise<string>} the program
 */
async function bundleApplication(folder, platform) {
  const tsup = join(repositoryRoot, 'node_modules/tsup/package.json');
  const { build } = createRequire(realpathSync(tsup))('esbuild');
  // Outside of the consumer's own node_modules.
  const place = `${folder}-bundled`;
  mkdirSync(join(place, 'node_modules/@arfuse'), { recursive: true });
  symlinkSync(platform, join(place, 'node_modules', NAME));
  const program = join(place, 'app.mjs');
  await build({
    entryPoints: [join(folder, 'load.mjs')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
  return program;
}

/**
 * `@arfuse/native` and its platform package from their tarballs, installed without any script: it loads, also in threads and
 * in a bundle; and whatever is not that addon is refused with its reason.
 *
 * @param {readonly import('../lib/pack.mjs').Tarball[]} tarballs
 * @param {readonly NodeRelease[]} nodes
 * @returns {Promise<Check[]>}
 */
export async function checkNativeAddon(tarballs, nodes) {
  if (!existsSync(BUILT)) return [unproven('native addon in an empty folder', 'it is not built')];
  const [first] = tarballs;
  const platform = await packPlatform(dirname(first?.path ?? ''));
  const options = {
    tarballs: [...tarballs, platform],
    dependencies: ['@arfuse/native'],
    template: join(repositoryRoot, 'tools/consumer/native-addon'),
    flags: ['--ignore-scripts'],
  };
  return inProject(options, async (folder) => {
    const native = realpathSync(join(folder, 'node_modules/@arfuse/native'));
    const installed = realpathSync(join(native, '..', NAME.replace('@arfuse/', '')));
    const broken = await brokenAddons(BUILT, join(folder, 'broken'));
    const bundled = await bundleApplication(folder, installed);
    /** @type {Check[]} */
    const checks = [];
    /** @param {string} name @param {string} file @param {RegExp} pattern @param {NodeJS.ProcessEnv} [env] */
    const runs = async (name, file, pattern, env = {}) => {
      for (const node of nodes)
        checks.push(
          await check(
            `native addon: ${name} on ${node.name}`,
            [node.binary, file],
            folder,
            0,
            says(pattern),
            { ARFUSE_NATIVE_BINARY: '', CUDA_VISIBLE_DEVICES: '', ...env },
          ),
        );
    };
    try {
      await runs(
        'from the platform package',
        'load.mjs',
        /"from":"package","codes":\[16256,16043\],"failures":\["local"\]/,
      );
      await runs('in four threads at once', 'threads.mjs', /^threads are fine$/m);
      await runs(
        'no driver',
        'no-gpu.mjs',
        /"devices":0,.*(CUDA cannot list GPUs|there is no GPU 0)/,
      );
      await runs('bundled into an application', bundled, /"from":"package".*"failures":\[\]/);
      for (const { name, path, message } of broken)
        await runs(name, 'load.mjs', new RegExp(`ARFUSE_NATIVE.*${message.source}`), {
          ARFUSE_NATIVE_BINARY: path,
        });
      cpSync(BUILT, join(folder, 'broken/good.node'));
      await runs('a relative name', 'load.mjs', /"from":"environment"/, {
        ARFUSE_NATIVE_BINARY: 'broken/good.node',
      });
      const manifest = join(installed, 'package.json');
      const other = { ...JSON.parse(readFileSync(manifest, 'utf8')), version: '0.0.7' };
      replace(manifest, JSON.stringify(other));
      await runs(
        'a platform package of another version',
        'load.mjs',
        /needs version [\d.]+, that of @arfuse\/native, and finds version 0\.0\.7/,
      );
      rmSync(installed, { recursive: true });
      await runs(
        'no addon',
        'load.mjs',
        /arfuse\.node: it is not installed\..*arfuse native build/,
      );
      return checks;
    } finally {
      rmSync(dirname(bundled), { recursive: true, force: true });
    }
  });
}
