// Checks the packages as they would be published: publint, "are the types wrong", and our own rules for
// what a tarball holds. `node tools/src/packaging.mjs` after `pnpm build`.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { printChecks } from './lib/checks.mjs';
import { mapTwo, packAll } from './lib/pack.mjs';
import { plainEnvironment, run, tool } from './lib/run.mjs';
import { readTarball } from './lib/tarball.mjs';

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
  printChecks(checks.flat());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
