// Type check of all packages, tools and examples as one program: `tsc` per package, without reading
// every dependency's sources thirteen times. Prints one count per package.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { printChecks } from './lib/checks.mjs';
import { repositoryRoot } from './lib/root.mjs';
import { publishedPackages } from './lib/workspace.mjs';

/** @param {string} folder */
function typescriptFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[cm]?ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter(
      (file) => !/[\\/](node_modules|dist|\.cache|temp)[\\/]/.test(relative(repositoryRoot, file)),
    );
}

const host = {
  ...ts.sys,
  /** @param {ts.Diagnostic} problem */
  onUnRecoverableConfigFileDiagnostic(problem) {
    throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, ' '));
  },
};
const base = ts.getParsedCommandLineOfConfigFile(
  join(repositoryRoot, 'tools/tsconfig.json'),
  {},
  host,
);
if (!base) throw new Error('tools/tsconfig.json cannot be read');

const units = [
  ...publishedPackages().map((pkg) => ({
    name: pkg.name,
    prefix: `${pkg.directory}/`,
    files: ['src', 'test'].flatMap((folder) => typescriptFiles(join(pkg.path, folder))),
  })),
  {
    name: 'tools',
    prefix: 'tools/',
    files: [...base.fileNames],
  },
  {
    name: 'examples',
    prefix: 'examples/',
    files: typescriptFiles(join(repositoryRoot, 'examples')),
  },
];

const program = ts.createProgram(
  units.flatMap((unit) => unit.files),
  base.options,
);
const problems = new Map(units.map((unit) => [unit.name, /** @type {string[]} */ ([])]));
for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
  const file = diagnostic.file ? relative(repositoryRoot, diagnostic.file.fileName) : '';
  const unit = units.find(({ prefix }) => file.startsWith(prefix))?.name ?? 'tools';
  const position = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
  problems
    .get(unit)
    ?.push(`${file}${position ? `:${position.line + 1}` : ''}: TS${diagnostic.code} ${text}`);
}
printChecks(
  units.map((unit) => ({ name: `types ${unit.name}`, problems: problems.get(unit.name) ?? [] })),
);
