import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tar, writeArchive } from '../src/bundle/archive.mjs';
import { filesOf, gpuCommands, runScript } from '../src/bundle/commands.mjs';
import { layOut, packageEntries } from '../src/bundle/packages.mjs';

/** A folder with files. */
function tree(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-bundle-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const manifest = (name: string, dependencies: Record<string, string> = {}): string =>
  JSON.stringify({ name, version: '1.0.0', dependencies });

describe('packages of a bundle', () => {
  it('lie flat, and a second version below the package that wants it', () => {
    const root = tree({
      'a/package.json': manifest('a', { b: '1', c: '1', 'cmake-js': '8' }),
      'a/node_modules/b/package.json': manifest('b', { c: '2' }),
      'a/node_modules/b/node_modules/c/package.json': manifest('c'),
      'a/node_modules/c/package.json': manifest('c', { b: '1' }),
    });
    const places = layOut(new Map([['a', join(root, 'a')]]));
    expect(Object.fromEntries(places)).toEqual({
      'node_modules/a': join(root, 'a'),
      'node_modules/b': join(root, 'a/node_modules/b'),
      'node_modules/c': join(root, 'a/node_modules/b/node_modules/c'),
      'node_modules/a/node_modules/c': join(root, 'a/node_modules/c'),
    });
  });

  it('names a dependency that is not installed', () => {
    const root = tree({ 'a/package.json': manifest('a', { gone: '1' }) });
    expect(() => layOut(new Map([['a', join(root, 'a')]]))).toThrow('a needs gone');
  });

  it('keep licences and leave out what no program loads', () => {
    const folder = tree({
      'package.json': manifest('x'),
      LICENSE: '',
      'README.md': '',
      'index.js': '',
      'index.d.ts': '',
      'index.js.map': '',
      'test/a.js': '',
    });
    expect(packageEntries(folder, 'node_modules/x').map(({ path }) => path)).toEqual([
      'node_modules/x/LICENSE',
      'node_modules/x/index.js',
      'node_modules/x/package.json',
    ]);
  });
});

describe('GPU programs of a bundle', () => {
  it('are the gpu scripts of package.json', () => {
    const scripts = {
      test: 'vitest',
      'gpu:test': 'node tools/gpu/test.mjs',
      'gpu:soak': 'node a.mjs --quick',
    };
    expect([...gpuCommands(scripts)]).toEqual([
      ['gpu:test', ['tools/gpu/test.mjs']],
      ['gpu:soak', ['a.mjs', '--quick']],
    ]);
    expect(() => gpuCommands({ 'gpu:x': 'node a.mjs; rm -rf /' })).toThrow('gpu:x');
  });

  it('come with the modules and files that they name', () => {
    const root = tree({
      'tools/gpu/a.mjs': "import './b.mjs';\nawait import('../bench/c.mjs');\nimport 'node:fs';\n",
      'tools/gpu/b.mjs': "const script = new URL('d.py', import.meta.url);\n",
      'tools/gpu/d.py': '',
      'tools/bench/c.mjs': "export * from '../gpu/a.mjs';\n",
      'tools/bench/unused.mjs': '',
    });
    expect(filesOf(root, ['tools/gpu/a.mjs'])).toEqual([
      'tools/bench/c.mjs',
      'tools/gpu/a.mjs',
      'tools/gpu/b.mjs',
      'tools/gpu/d.py',
    ]);
    expect(() => filesOf(root, ['tools/gpu/gone.mjs'])).toThrow('tools/gpu/gone.mjs');
  });

  it('are started by run.sh from any folder, through a link, with their arguments as they are', () => {
    const folder = tree({
      'a b/run.sh': runScript(new Map([['gpu:x', ['x.mjs', '--first']]])),
      'a b/x.mjs': 'console.log(JSON.stringify(process.argv.slice(2)));\n',
    });
    mkdirSync(join(folder, 'a b/node/bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'a b/node/bin/node'));
    const output = execFileSync('sh', ['a b/run.sh', 'gpu:x', '$HOME; ls', ''], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toEqual(['--first', '$HOME; ls', '']);
    expect(() => execFileSync('sh', ['a b/run.sh', 'y'], { cwd: folder, stdio: 'pipe' })).toThrow(
      /no command "y"; commands: arfuse, gpu:x, node/,
    );
  });
});

describe('the archive', () => {
  const long = `${'folder/'.repeat(20)}file.js`;
  const entries = [
    { path: 'run.sh', content: '#!/bin/sh\n', executable: true },
    { path: long, content: 'long' },
    { path: 'empty', content: '' },
  ];

  it.each(['tar.gz', 'tar.xz'] as const)('%s unpacks with tar, both streams', async (format) => {
    const folder = tree({});
    const file = join(folder, `x.${format}`);
    const given = { folder: 'top', format, kept: join(folder, 'kept') };
    const steady = [{ path: 'node/bin/node', content: 'n'.repeat(2000), executable: true }];
    await writeArchive(file, { ...given, steady, changing: entries });
    execFileSync('tar', ['xf', file], { cwd: folder });
    expect(readFileSync(join(folder, 'top/node/bin/node'), 'utf8')).toHaveLength(2000);
    expect(readFileSync(join(folder, 'top', long), 'utf8')).toBe('long');
    execFileSync(join(folder, 'top/run.sh'));
    // What was kept is used again, and gives the same bytes.
    const again = join(folder, `y.${format}`);
    await writeArchive(again, { ...given, steady, changing: entries });
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
  });

  it('refuses a name that tar cannot hold', () => {
    expect(() => tar([{ path: 'x'.repeat(300), content: '' }], 'top', { ends: true })).toThrow(
      'too long',
    );
  });
});
