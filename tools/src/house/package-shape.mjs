import { isDeepStrictEqual } from 'node:util';

const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'postpack'];

/**
 * @param {import('../lib/workspace.mjs').Manifest} manifest
 * @param {string} directory
 * @returns {string[]}
 */
export function manifestProblems(manifest, directory) {
  const problems = [];
  /** @param {'type' | 'license' | 'engines'} field @param {unknown} expected */
  const expect = (field, expected) => {
    if (!isDeepStrictEqual(manifest[field], expected)) {
      problems.push(
        `"${field}" must be ${JSON.stringify(expected)}, not ${JSON.stringify(manifest[field])}.`,
      );
    }
  };
  expect('type', 'module');
  expect('license', 'Apache-2.0');
  expect('engines', { node: '>=20.19' });
  if (!/^\d+\.\d+\.\d+/.test(manifest.version ?? '')) problems.push('"version" must be a version.');
  if (!/^[A-Z].*\.$/.test(manifest.description ?? '')) {
    problems.push('"description" must be one sentence that ends in a full stop.');
  }
  if (manifest.repository?.directory !== directory) {
    problems.push(`"repository.directory" must be "${directory}".`);
  }
  for (const name of ['dist', 'README.md', 'CHANGELOG.md']) {
    if (!manifest.files?.includes(name)) problems.push(`"files" must list "${name}".`);
  }
  for (const script of LIFECYCLE) {
    if (manifest.scripts?.[script]) {
      problems.push(
        `has the script "${script}", which runs on a user's machine. Make it an explicit command.`,
      );
    }
  }
  return [...problems, ...exportProblems(manifest)];
}

/**
 * Sources are found by our own condition in the workspace and are left out of what is published.
 *
 * @param {import('../lib/workspace.mjs').Manifest} manifest
 */
function exportProblems(manifest) {
  const problems = [];
  const published = manifest.publishConfig?.exports ?? {};
  for (const [path, entry] of Object.entries(manifest.exports ?? {})) {
    if (typeof entry === 'string') {
      if (published[path] !== entry)
        problems.push(`"publishConfig.exports" must repeat "${path}".`);
      continue;
    }
    const [first, second, third, ...more] = Object.keys(entry);
    if (
      first !== '@arfuse/source' ||
      second !== 'types' ||
      third !== 'default' ||
      more.length > 0
    ) {
      problems.push(
        `"exports" of "${path}" must have the conditions @arfuse/source, types, default, in this order.`,
      );
    }
    const { '@arfuse/source': source, ...rest } = entry;
    if (!/^\.\/src\/.*\.ts$/.test(source ?? ''))
      problems.push(`"@arfuse/source" of "${path}" must be a file of ./src.`);
    if (!isDeepStrictEqual(published[path], rest)) {
      problems.push(`"publishConfig.exports" of "${path}" must be ${JSON.stringify(rest)}.`);
    }
  }
  if (!manifest.exports?.['.']) problems.push('"exports" must have the entry ".".');
  if (manifest.exports?.['./package.json'] !== './package.json') {
    problems.push('"exports" must have "./package.json".');
  }
  return problems;
}

/** Code blocks of a kind in a Markdown text. @param {string} markdown @param {string} language */
export function codeBlocks(markdown, language) {
  const blocks = [];
  for (const match of markdown.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)) {
    if (match[1] !== language) continue;
    const line = markdown.slice(0, match.index).split('\n').length + 1;
    blocks.push({ line, code: match[2] ?? '' });
  }
  return blocks;
}

/**
 * @param {string} readme
 * @param {string} name npm name
 * @returns {{ line?: number, message: string }[]}
 */
export function readmeProblems(readme, name) {
  const problems = [];
  const lines = readme.split('\n');
  if (lines[0] !== `# ${name}`) problems.push({ line: 1, message: `must begin with "# ${name}".` });
  const introduction = readme.split('\n\n')[1] ?? '';
  if (!/^[A-Z@`][^#]*\.$/.test(introduction.trim()) || introduction.includes('```')) {
    problems.push({
      line: 3,
      message: 'needs a sentence under its title that says what the package is for.',
    });
  }
  if (
    !new RegExp(`(pnpm add|npm install|npx)( -[\\w-]+)* .*${name.replace(/[/@]/g, '\\$&')}`).test(
      readme,
    )
  ) {
    problems.push({ message: `needs an install line such as "pnpm add ${name}".` });
  }
  const [first] = codeBlocks(readme, 'ts');
  if (!first) {
    problems.push({
      message: 'needs an example in a ```ts block of 6 to 12 lines, which a test runs.',
    });
  } else {
    const length = first.code.trimEnd().split('\n').length;
    if (length < 6 || length > 14) {
      problems.push({
        line: first.line,
        message: `its first example has ${length} lines; 6 to 12 are wanted.`,
      });
    }
  }
  if (!/\bneeds\b/i.test(readme)) {
    problems.push({
      message: 'does not say what it needs (a heading or a sentence with "needs").',
    });
  }
  return problems;
}

/** @type {import('./repository.mjs').Rule} */
export const packageShape = {
  name: 'every package has its manifest, README, CHANGELOG and build files',
  check(repository) {
    const violations = [];
    for (const pkg of repository.packages) {
      const folder = pkg.directory;
      for (const file of [
        'README.md',
        'CHANGELOG.md',
        'tsup.config.ts',
        'tsconfig.json',
        'src/index.ts',
      ]) {
        if (!repository.has(`${folder}/${file}`)) {
          violations.push({
            file: `${folder}/${file}`,
            message: 'is missing. Every package has one.',
          });
        }
      }
      for (const message of manifestProblems(pkg.manifest, pkg.directory)) {
        violations.push({ file: `${folder}/package.json`, message });
      }
      if (repository.has(`${folder}/README.md`)) {
        for (const problem of readmeProblems(repository.read(`${folder}/README.md`), pkg.name)) {
          violations.push({ file: `${folder}/README.md`, ...problem });
        }
      }
    }
    return violations;
  },
};
