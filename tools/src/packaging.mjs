// Checks the packages as they would be published: publint, "are the types wrong", and our own rules for
// what a tarball holds. `node tools/src/packaging.mjs` after `pnpm build`.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { printChecks, unproven } from './lib/checks.mjs';
import { mapTwo, packAll } from './lib/pack.mjs';
import { plainEnvironment, run, tool } from './lib/run.mjs';
import { readTarball } from './lib/tarball.mjs';
import { platformPackages, publishedPackages } from './lib/workspace.mjs';
import { BUILT, packPlatform, pairProblems } from './platform-package.mjs';

/**
 * What must not, or must, be in a published package.
 *
 * @param {ReadonlyMap<string, Buffer>} files by path below the package
 * @returns {string[]}
 */
export function contentProblems(files) {
  const problems = [];
  const manifestText = files.get('package.json')?.toString() ?? '{}';
  const manifest = JSON.parse(manifestText);
  if (/"(workspace|catalog):/.test(manifestText))
    problems.push('a dependency still says workspace: or catalog:.');
  if (manifestText.includes('@arfuse/source'))
    problems.push('its exports still name sources. Add them to publishConfig.');
  for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
    if (!files.has(name)) problems.push(`${name} is missing.`);
  }
  for (const name of files.keys()) {
    if (/^(src|test|etc|temp)\/|\.(map|tsbuildinfo|node)$|(^|\/)tsconfig/.test(name)) {
      problems.push(`${name} does not belong into it. Correct "files".`);
    }
  }
  for (const [command, path] of Object.entries(manifest.bin ?? {})) {
    const text = files.get(String(path).replace(/^\.\//, ''))?.toString();
    if (!text?.startsWith('#!/usr/bin/env node\n'))
      problems.push(`"bin.${command}" must begin with #!/usr/bin/env node.`);
  }
  return problems;
}

/** @param {import('./lib/pack.mjs').Tarball} tarball @param {ReadonlyMap<string, Buffer>} files */
async function publintCheck(tarball, files) {
  const pkgDir = '/package';
  const { messages } = await publint({
    pkgDir,
    level: 'suggestion',
    strict: true,
    pack: { files: [...files].map(([name, data]) => ({ name: `${pkgDir}/${name}`, data })) },
  });
  const manifest = JSON.parse(String(files.get('package.json')));
  return {
    name: `publint ${tarball.name}`,
    problems: messages.map(
      (message) =>
        `${tarball.name}: publint: ${formatMessage(message, manifest, { color: false })}`,
    ),
  };
}

/** @param {import('./lib/pack.mjs').Tarball} tarball */
async function typesCheck(tarball) {
  const command = tool(
    '@arethetypeswrong/cli',
    'attw',
    tarball.path,
    '--profile',
    'esm-only',
    '--format',
    'ascii',
    '--no-emoji',
  );
  const { code, output } = await run(command, { env: plainEnvironment() });
  return {
    name: `attw ${tarball.name}`,
    problems: code === 0 ? [] : [`${tarball.name}: attw:\n${output.trim()}`],
  };
}

/** All that a platform package holds. */
const PLATFORM_FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'arfuse.node', 'package.json'];

/**
 * What is wrong with a packed platform package.
 *
 * @param {ReadonlyMap<string, Buffer>} files by path below the package
 * @returns {string[]}
 */
export function platformContentProblems(files) {
  const problems = [];
  const names = [...files.keys()].sort();
  if (names.join() !== PLATFORM_FILES.join())
    problems.push(`it holds ${names.join(', ')}, not ${PLATFORM_FILES.join(', ')}.`);
  const { scripts } = JSON.parse(String(files.get('package.json') ?? '{}'));
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
    if (scripts?.[script]) problems.push(`the script "${script}" would run on a user's machine.`);
  return problems;
}

/** @param {string} folder */
async function platformCheck(folder) {
  const [platform] = platformPackages();
  const native = publishedPackages().find(({ name }) => name === '@arfuse/native');
  const name = `content ${platform?.name}`;
  if (!platform || !native) return { name, problems: ['the packages of the addon are not there.'] };
  const pair = pairProblems(platform.manifest, native.manifest);
  if (pair.length > 0) return { name, problems: pair };
  if (!existsSync(BUILT)) return unproven(name, 'the addon is not built');
  const tarball = await packPlatform(folder);
  const problems = platformContentProblems(readTarball(readFileSync(tarball.path)));
  return { name, problems: problems.map((problem) => `${basename(tarball.path)}: ${problem}`) };
}

async function main() {
  const tarballs = await packAll('tarballs-checked');
  const checks = await mapTwo(tarballs, async (tarball) => {
    const files = readTarball(readFileSync(tarball.path));
    return [
      {
        name: `content ${tarball.name}`,
        problems: contentProblems(files).map((problem) => `${basename(tarball.path)}: ${problem}`),
      },
      await publintCheck(tarball, files),
      await typesCheck(tarball),
    ];
  });
  const platform = await platformCheck(dirname(tarballs[0]?.path ?? ''));
  printChecks([...checks.flat(), platform]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
