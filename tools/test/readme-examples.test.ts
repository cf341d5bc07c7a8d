import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format } from 'node:util';
import ts from 'typescript';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { repositoryRoot } from '../src/lib/root.mjs';
import {
  fixtureCommands,
  missingOutput,
  promisedOutput,
  readmeExamples,
} from '../src/readme/examples.mjs';

const examples = readmeExamples(repositoryRoot).map((example) => ({
  ...example,
  name: `${example.readme}:${example.line}`,
  file: join(
    repositoryRoot,
    example.home,
    '.cache/readme',
    `${example.readme.replace(/\W+/g, '-')}-${example.line}.ts`,
  ),
}));

beforeAll(() => {
  for (const { home } of examples)
    rmSync(join(repositoryRoot, home, '.cache/readme'), { recursive: true, force: true });
  for (const { file, code } of examples) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${code}\nexport {};\n`);
  }
});

afterEach(() => vi.restoreAllMocks());

describe('README examples', () => {
  it.each(examples)('$name runs and prints what it says', async ({ file, code }) => {
    const printed: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...args) => {
      printed.push(...format(...args).split('\n'));
    });
    await import(/* @vite-ignore */ file);
    expect(missingOutput(promisedOutput(code), printed), `printed:\n${printed.join('\n')}`).toEqual(
      [],
    );
  });

  it('have the types that they use', () => {
    const base = join(repositoryRoot, 'tools/tsconfig/base.json');
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(base, ts.sys.readFile).config,
      ts.sys,
      dirname(base),
    );
    const files = examples.map(({ file }) => file);
    const problems = ts
      .getPreEmitDiagnostics(ts.createProgram(files, options))
      .filter(({ file }) => file === undefined || files.includes(file.fileName));
    expect(
      ts.formatDiagnostics(problems, {
        getCanonicalFileName: (name) => name,
        getCurrentDirectory: () => repositoryRoot,
        getNewLine: () => '\n',
      }),
    ).toBe('');
  });
});

describe('README commands', () => {
  const program = join(repositoryRoot, 'packages/cli/dist/main.js');
  const commands = ['README.md', 'packages/cli/README.md']
    .filter((readme) => existsSync(join(repositoryRoot, readme)))
    .flatMap((readme) => fixtureCommands(readFileSync(join(repositoryRoot, readme), 'utf8')))
    .map((args) => ({ args, line: `arfuse ${args.join(' ')}` }));

  it('the READMEs show a command that runs on a fixture', () => {
    expect(commands.length).toBeGreaterThan(0);
  });

  it.skipIf(!existsSync(program)).each(commands)(
    '$line ends well (skipped until the program is built)',
    ({ args }) => {
      const scratch = join(repositoryRoot, '.cache/readme');
      mkdirSync(scratch, { recursive: true });
      const absolute = args.map((arg) =>
        arg.startsWith('fixtures/') ? join(repositoryRoot, arg) : arg,
      );
      expect(() =>
        execFileSync(process.execPath, [program, ...absolute], { cwd: scratch, stdio: 'pipe' }),
      ).not.toThrow();
    },
  );
});

describe('what is read from a README', () => {
  it('promised output is the comment behind console.log', () => {
    const code =
      "console.log(a); // 64\nconsole.log(b('x')); // one two\nconsole.log(c);\n// console.log(d); // no\n";
    expect(promisedOutput(code)).toEqual(['64', 'one two']);
  });

  it('missing output is told in order', () => {
    expect(missingOutput(['a', 'b'], ['x', 'a', 'y', 'b'])).toEqual([]);
    expect(missingOutput(['a', 'b'], ['b', 'a'])).toEqual(['b']);
  });

  it('commands on fixtures are found, others are left alone', () => {
    const text =
      '```sh\n$ pnpm --silent arfuse plan fixtures/a.gz --target x | less\narfuse inspect GRAPH\n```\n';
    expect(fixtureCommands(text)).toEqual([['plan', 'fixtures/a.gz', '--target', 'x']]);
  });
});
