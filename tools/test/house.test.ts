import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { commands } from '../src/house/commands.mjs';
import { declaredImports, importRows, refusal } from '../src/house/dependency-rows.mjs';
import { codeBlocks, manifestProblems, readmeProblems } from '../src/house/package-shape.mjs';
import { rawEvaluator } from '../src/house/raw-evaluator.mjs';
import { Repository } from '../src/house/repository.mjs';
import { fileSize, lockfile, noAny, privateText, unfinished } from '../src/house/text.mjs';
import { topLevel } from '../src/house/top-level.mjs';

const folders: string[] = [];

/** A repository with the given files, in a folder of its own. */
function repository(files: Record<string, string>): Repository {
  const root = mkdtempSync(join(tmpdir(), 'house-'));
  folders.push(root);
  for (const [file, text] of Object.entries({ 'packages/.keep': '', ...files })) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  execFileSync('git', ['init', '--quiet'], { cwd: root });
  return new Repository(root);
}

function manifest(name: string, dependencies: Record<string, string> = {}): string {
  return JSON.stringify({ name, version: '1.0.0', dependencies });
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

it('commands that text names are scripts of package.json, or of pnpm itself', () => {
  const [known, unknown] = ['gpu:test', 'gpu:ranks'];
  const found = commands.check(
    repository({
      'package.json': JSON.stringify({ scripts: { [known]: 'x' } }),
      'README.md': `Run \`pnpm add @arfuse/x\`, since\npnpm needs it, as \`pnpm ${known} --quick\` and "pnpm --silent ${unknown}" do.`,
      'a.mjs': `throw new Error(\`off. Run \\\`pnpm ${unknown}\\\`.\`);`,
    }),
  );
  expect(found).toEqual([
    { file: 'README.md', line: 2, message: expect.stringContaining(`"pnpm ${unknown}"`) },
    { file: 'a.mjs', line: 1, message: expect.stringContaining(`"pnpm ${unknown}"`) },
  ]);
});

describe('dependency rows', () => {
  it.each([
    ['arfuse', '@arfuse/core'],
    ['@arfuse/core', '@arfuse/nccl'],
    ['@arfuse/flashinfer', '@arfuse/contract'],
    ['@arfuse/graph', '@arfuse/contract'],
    ['@arfuse/core', 'zod'],
  ])('%s may import %s', (from, to) => {
    expect(refusal(from, to)).toBeUndefined();
  });

  it.each([
    ['@arfuse/core', 'arfuse', 'upward'],
    ['@arfuse/contract', '@arfuse/graph', 'sideways'],
    ['@arfuse/flashinfer', '@arfuse/nccl', 'sideways'],
    ['@arfuse/conformance', '@arfuse/core', 'sideways'],
    ['@arfuse/patterns', '@arfuse/torch', 'sideways'],
    ['@arfuse/graph', '@arfuse/torch', 'upward'],
  ])('%s may not import %s', (from, to, direction) => {
    expect(refusal(from, to)).toContain(direction);
  });

  it('a package without a row is refused', () => {
    expect(refusal('@arfuse/new', '@arfuse/graph')).toContain('no row');
  });

  it('finds every form of import, with its line', () => {
    const found = importRows.check(
      repository({
        'packages/graph/package.json': manifest('@arfuse/graph'),
        'packages/graph/src/index.ts': [
          "import type { A } from '@arfuse/torch';",
          "export { b } from '@arfuse/core';",
          "const c = await import('@arfuse/nccl/deep');",
          "type D = import('arfuse').D;",
          "// import '@arfuse/tuner'",
          "import { e } from '@arfuse/contract';",
        ].join('\n'),
      }),
    );
    expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual(
      [1, 2, 3, 4].map((line) => `packages/graph/src/index.ts:${line}`),
    );
  });

  it('checks the manifest as well as the sources', () => {
    const found = importRows.check(
      repository({
        'packages/nccl/package.json': manifest('@arfuse/nccl', { '@arfuse/flashinfer': '*' }),
      }),
    );
    expect(found).toMatchObject([{ file: 'packages/nccl/package.json' }]);
  });

  it('keeps input and output out of pure packages', () => {
    const files = {
      'packages/patterns/package.json': manifest('@arfuse/patterns'),
      'packages/patterns/src/index.ts':
        "import { readFileSync } from 'node:fs';\nimport 'node:util';\n",
    };
    expect(importRows.check(repository(files))).toMatchObject([{ line: 1 }]);
  });

  it('wants imports declared and declarations used', () => {
    const found = declaredImports.check(
      repository({
        'packages/core/package.json': manifest('@arfuse/core', { zod: '4' }),
        'packages/core/src/index.ts': "import 'semver';\nimport './a.ts';\nimport 'node:fs';\n",
      }),
    );
    expect(found.map(({ message }) => message.split('"')[1])).toEqual(['semver', 'zod']);
  });
});

describe('the raw evaluator', () => {
  const base = { 'packages/reference/package.json': manifest('@arfuse/reference') };

  it('may use shared numbers', () => {
    const found = rawEvaluator.check(
      repository({
        ...base,
        'packages/reference/src/raw/a.ts': "import '../numbers/bf16.ts';",
        'packages/reference/src/numbers/bf16.ts': 'export {};',
      }),
    );
    expect(found).toEqual([]);
  });

  it.each(['kernels', 'oracle'])('may not reach %s, even through another file', (folder) => {
    const found = rawEvaluator.check(
      repository({
        ...base,
        'packages/reference/src/raw/a.ts': "import '../shared/b.ts';",
        'packages/reference/src/shared/b.ts': `import '../${folder}/c.ts';`,
        [`packages/reference/src/${folder}/c.ts`]: 'export {};',
      }),
    );
    expect(found).toMatchObject([{ file: 'packages/reference/src/shared/b.ts', line: 1 }]);
    expect(found[0]?.message).toContain('packages/reference/src/raw/a.ts');
  });

  it('may not import the patterns', () => {
    const found = rawEvaluator.check(
      repository({
        ...base,
        'packages/reference/src/raw/a.ts': "\nimport type { P } from '@arfuse/patterns';",
      }),
    );
    expect(found).toMatchObject([{ line: 2 }]);
  });
});

describe('text rules', () => {
  // Spelled in two parts so that this file passes the rules that it tests.
  const join2 = (first: string, second: string) => first + second;

  it('finds what is unfinished or silenced', () => {
    const found = unfinished.check(
      repository({
        'tools/a.ts': `// ${join2('TO', 'DO')}: later\n// @ts-${join2('ign', 'ore')}\nconst todo = 1;\n`,
        'tools/b.mjs': `// ${join2('biome-', 'ignore')} lint: x\n`,
      }),
    );
    expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'tools/a.ts:1',
      'tools/a.ts:2',
      'tools/b.mjs:1',
    ]);
  });

  it('finds the type any, not the word', () => {
    const found = noAny.check(
      repository({
        'tools/a.ts': "// any\nconst any = 'any';\nlet x: Array<any>;\nf(y as any);\n",
      }),
    );
    expect(found.map(({ line }) => line)).toEqual([3, 4]);
  });

  it('finds machine paths, registries and credentials', () => {
    const found = privateText.check(
      repository({
        'docs/a.md': `See ${join2('/ho', 'me/ann/x')}.\nA/home/b is fine, ./work/x and /home/alice too.\n`,
        'docs/b.md': `${join2('https://regis', 'try.example.org/')}\n//x/:${join2('_auth', 'Token')}=1\n`,
      }),
    );
    expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'docs/a.md:1',
      'docs/b.md:1',
      'docs/b.md:2',
    ]);
  });

  it('limits the size of files of code', () => {
    const lines = (count: number) => 'x();\n'.repeat(count);
    const found = fileSize.check(
      repository({ 'tools/a.ts': lines(501), 'tools/b.ts': lines(500), 'docs/c.md': lines(900) }),
    );
    expect(found).toMatchObject([{ file: 'tools/a.ts', line: 501 }]);
  });

  it('wants a lockfile without addresses', () => {
    expect(lockfile.check(repository({}))).toMatchObject([
      { message: expect.stringContaining('missing') },
    ]);
    const bad = 'x:\n  resolution: {integrity: sha512-a, tarball: https://r.example/x.tgz}\n';
    expect(lockfile.check(repository({ 'pnpm-lock.yaml': bad }))).toMatchObject([{ line: 2 }]);
    expect(lockfile.check(repository({ 'pnpm-lock.yaml': 'x: 1\n' }))).toEqual([]);
  });
});

describe('top level', () => {
  it('names entries that the design does not list', () => {
    const found = topLevel.check(
      repository({ 'src/a.ts': '', 'notes.md': '', 'tools/x': '', 'README.md': '', docs: '' }),
    );
    expect(found.map(({ file }) => file).sort()).toEqual(['docs', 'notes.md', 'src']);
  });
});

describe('package shape', () => {
  const good = {
    name: '@arfuse/x',
    version: '0.1.0',
    description: 'Says what it is.',
    type: 'module',
    license: 'Apache-2.0',
    engines: { node: '>=20.19' },
    repository: { directory: 'packages/x' },
    files: ['dist', 'README.md', 'CHANGELOG.md'],
    exports: {
      '.': {
        '@arfuse/source': './src/index.ts',
        types: './dist/index.d.ts',
        default: './dist/index.js',
      },
      './package.json': './package.json',
    },
    publishConfig: {
      exports: {
        '.': { types: './dist/index.d.ts', default: './dist/index.js' },
        './package.json': './package.json',
      },
    },
  };

  it('accepts the common shape', () => {
    expect(manifestProblems(good, 'packages/x')).toEqual([]);
  });

  it.each([
    [{ license: 'MIT' }, 'license'],
    [{ engines: { node: '>=18' } }, 'engines'],
    [{ type: 'commonjs' }, 'type'],
    [{ scripts: { postinstall: 'node x' } }, 'postinstall'],
    [{ files: ['dist'] }, 'README.md'],
    [{ publishConfig: { exports: {} } }, 'publishConfig.exports'],
    [{ exports: { '.': { default: './dist/index.js' } } }, 'conditions'],
    [{ repository: { directory: 'packages/y' } }, 'repository.directory'],
  ])('refuses %j', (change, named) => {
    expect(manifestProblems({ ...good, ...change }, 'packages/x').join('\n')).toContain(named);
  });

  const readme = [
    '# @arfuse/x',
    '',
    'Does one thing well.',
    '',
    '```sh',
    'pnpm add @arfuse/x',
    '```',
    '',
    '```ts',
    ...Array.from({ length: 6 }, (_, index) => `line(${index});`),
    '```',
    '',
    '## What it needs',
  ].join('\n');

  it('accepts a README with a sentence, an install line, an example and its needs', () => {
    expect(readmeProblems(readme, '@arfuse/x')).toEqual([]);
  });

  it.each([
    ['Does one thing well.', 'no sentence', 'sentence'],
    ['pnpm add @arfuse/x', 'pnpm add @arfuse/y', 'install line'],
    ['```ts', '```js', 'example'],
    ['line(0);\n', '', 'lines'],
    ['What it needs', 'Other', 'what it needs'],
    ['# @arfuse/x', '# x', 'begin'],
  ])('misses %j', (part, replacement, named) => {
    const problems = readmeProblems(readme.replace(part, replacement), '@arfuse/x');
    expect(problems.map(({ message }) => message).join('\n')).toContain(named);
  });

  it('reads code blocks with their line', () => {
    expect(codeBlocks('a\n```ts\nx\n```\n```sh\ny\n```\n', 'ts')).toEqual([
      { line: 3, code: 'x\n' },
    ]);
  });
});
