// Public surface of every package, as packages/*/etc/<folder>.api.md.
//   node tools/src/api.mjs          writes the reports
//   node tools/src/api.mjs --check  compares, and requires a doc comment on every export
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { printChecks } from './lib/checks.mjs';
import { publishedPackages } from './lib/workspace.mjs';

const SILENT = { logLevel: ExtractorLogLevel.None };
const ERROR = { logLevel: ExtractorLogLevel.Error };

/** @param {import('./lib/workspace.mjs').WorkspacePackage} pkg */
function configOf(pkg) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: pkg.path,
      mainEntryPointFilePath: '<projectFolder>/dist/index.d.ts',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2023',
            lib: ['es2023'],
            module: 'nodenext',
            moduleResolution: 'nodenext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          include: ['dist'],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${pkg.folder}.api.md`,
        reportFolder: '<projectFolder>/etc',
        reportTempFolder: '<projectFolder>/temp',
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: ERROR },
        extractorMessageReporting: {
          default: ERROR,
          'ae-missing-release-tag': SILENT,
          'ae-forgotten-export': { ...SILENT, addToApiReportFile: true },
          'ae-unresolved-link': SILENT,
          'ae-undocumented': SILENT,
        },
        tsdocMessageReporting: { default: SILENT },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(pkg.path, 'package.json'),
  });
}

/**
 * Names of the exports of an API report that have no doc comment.
 *
 * @param {string} report text of an `.api.md` file
 * @returns {string[]}
 */
export function undocumentedExports(report) {
  const names = [];
  let pending = false;
  for (const line of report.split('\n')) {
    if (line.startsWith('// ') && line.includes('(undocumented)')) pending = true;
    if (line.startsWith('//') || !pending) continue;
    names.push(/^export (?:declare )?(?:abstract )?\w+ (\w+)/.exec(line)?.[1] ?? line);
    pending = false;
  }
  return names;
}

/**
 * @param {import('./lib/workspace.mjs').WorkspacePackage} pkg
 * @param {boolean} update write the report instead of comparing
 * @returns {import('./lib/checks.mjs').Check}
 */
function checkPackage(pkg, update) {
  const name = `api ${pkg.name}`;
  if (!existsSync(join(pkg.path, 'dist/index.d.ts'))) {
    return { name, problems: [`${pkg.name} is not built. Run "pnpm build" first.`] };
  }
  mkdirSync(join(pkg.path, 'etc'), { recursive: true });
  /** @type {string[]} */
  const problems = [];
  const result = Extractor.invoke(configOf(pkg), {
    localBuild: update,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === 'error') problems.push(`${pkg.folder}: ${message.text}`);
    },
  });
  if (result.apiReportChanged && !update) {
    problems.push(
      `${pkg.directory}/etc/${pkg.folder}.api.md differs from the sources. ` +
        'Run "pnpm api" and review the change of the public surface.',
    );
  }
  const report = readFileSync(join(pkg.path, 'temp', `${pkg.folder}.api.md`), 'utf8');
  for (const missing of undocumentedExports(report)) {
    problems.push(`${pkg.directory} exports "${missing}" without a doc comment. Write one.`);
  }
  return { name, problems };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const update = !process.argv.includes('--check');
  const only = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  const packages = publishedPackages().filter(
    (pkg) => only.length === 0 || only.includes(pkg.folder),
  );
  printChecks(packages.map((pkg) => checkPackage(pkg, update)));
}
