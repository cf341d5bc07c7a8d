// Puts the built addon into its platform package: `node tools/src/platform-package.mjs [--release]`. Publishing runs it with
// `--release`, which refuses an addon that lacks an architecture or needs a newer system than the package's README promises.
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pack } from './lib/pack.mjs';
import { repositoryRoot } from './lib/root.mjs';
import { platformPackages, publishedPackages } from './lib/workspace.mjs';

/** @typedef {import('./lib/workspace.mjs').Manifest} Manifest */

/** Oldest libraries of a system that the released addon runs on: Ubuntu 22.04, Debian 12, RHEL 9. */
export const OLDEST = /** @type {const} */ ({ GLIBC: '2.34', GLIBCXX: '3.4.29' });

/** The addon that was built here. */
export const BUILT = join(repositoryRoot, 'native/build/Release/arfuse.node');

/** @param {string} a @param {string} b */
const byVersion = (a, b) => {
  const [left = [], right = []] = [a, b].map((text) => text.split('.').map(Number));
  const at = left.findIndex((part, index) => part !== (right[index] ?? 0));
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? 0);
};

/**
 * The newest version of each system library that an addon names.
 *
 * @param {Buffer} binary
 * @returns {Record<keyof typeof OLDEST, string>}
 */
export function neededLibraries(binary) {
  const text = binary.toString('latin1');
  /** @param {string} library */
  const newest = (library) =>
    [...text.matchAll(new RegExp(`\\0${library}_(\\d+(?:\\.\\d+)+)(?=\\0)`, 'g'))]
      .map(([, version = '0']) => version)
      .sort(byVersion)
      .at(-1) ?? '0';
  return { GLIBC: newest('GLIBC'), GLIBCXX: newest('GLIBCXX') };
}

/**
 * Why a platform package and `@arfuse/native` do not belong to each other.
 *
 * @param {Manifest} platform
 * @param {Manifest} native
 * @returns {string[]}
 */
export function pairProblems(platform, native) {
  const problems = [];
  if (platform.version !== native.version)
    problems.push(
      `${platform.name} has version ${platform.version}, and ${native.name} ${native.version}.`,
    );
  const wanted = native.optionalDependencies?.[platform.name];
  if (wanted !== 'workspace:*' && wanted !== native.version)
    problems.push(`${native.name} must name ${platform.name} in "optionalDependencies", exactly.`);
  for (const field of /** @type {const} */ (['os', 'cpu', 'libc']))
    if (platform[field]?.length !== 1) problems.push(`${platform.name} must name one "${field}".`);
  return problems;
}

/**
 * Why an addon is not one to release.
 *
 * @param {Buffer} binary
 * @param {string | null} architectures that it says it was built for
 * @param {readonly string[]} wanted
 * @returns {string[]}
 */
export function releaseProblems(binary, architectures, wanted) {
  const problems = [];
  const built = (architectures ?? '').split(' ').map((name) => name.replace(/-real$/, ''));
  const missing = wanted.filter((name) => !built.includes(name));
  if (missing.length > 0)
    problems.push(
      `the addon has no kernels for ${missing.join(', ')}. Build it with "arfuse native build".`,
    );
  const needed = neededLibraries(binary);
  for (const library of /** @type {const} */ (['GLIBC', 'GLIBCXX']))
    if (byVersion(needed[library], OLDEST[library]) > 0)
      problems.push(
        `the addon needs ${library} ${needed[library]}; ${OLDEST[library]} is promised. Build it on an older system.`,
      );
  return problems;
}

/**
 * Packs the platform package of this machine with the addon that was built here, of whatever architectures.
 *
 * @param {string} folder that exists
 * @returns {Promise<import('./lib/pack.mjs').Tarball>}
 */
export async function packPlatform(folder) {
  const [pkg] = platformPackages();
  if (pkg === undefined) throw new Error('there is no platform package');
  const staged = join(pkg.path, 'arfuse.node');
  const before = existsSync(staged);
  copyFileSync(BUILT, staged);
  try {
    return await pack(pkg, folder);
  } finally {
    if (!before) rmSync(staged);
  }
}

async function main() {
  const release = process.argv.includes('--release');
  const [platform] = platformPackages();
  const native = publishedPackages().find(({ name }) => name === '@arfuse/native');
  if (!platform || !native) throw new Error('the packages of the addon are not there');
  const problems = pairProblems(platform.manifest, native.manifest);
  if (!existsSync(BUILT)) problems.push(`${BUILT} does not exist. Run "arfuse native build".`);
  else {
    const { DEFAULT_ARCHITECTURES, loadNative } = await import('@arfuse/native');
    const { binding } = loadNative({ candidates: [{ id: 'local', path: BUILT }] });
    const binary = readFileSync(BUILT);
    if (release)
      problems.push(...releaseProblems(binary, binding.cudaArchitectures, DEFAULT_ARCHITECTURES));
    const needed = neededLibraries(binary);
    console.log(
      `${(binary.length / 2 ** 20).toFixed(1)} MiB for ${binding.cudaArchitectures}; needs GLIBC ${needed.GLIBC}, GLIBCXX ${needed.GLIBCXX}`,
    );
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  copyFileSync(BUILT, join(platform.path, 'arfuse.node'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
