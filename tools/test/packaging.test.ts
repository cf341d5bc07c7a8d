import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { mapTwo } from '../src/lib/pack.mjs';
import { readTarball } from '../src/lib/tarball.mjs';
import { contentProblems, platformContentProblems } from '../src/packaging.mjs';
import { neededLibraries, pairProblems, releaseProblems } from '../src/platform-package.mjs';

const good = {
  'package.json': JSON.stringify({ name: 'x', bin: { x: './dist/main.js' } }),
  'README.md': '',
  'CHANGELOG.md': '',
  LICENSE: '',
  'dist/main.js': '#!/usr/bin/env node\n',
};

function problems(change: Record<string, string | undefined>): string {
  const files = Object.entries({ ...good, ...change }).filter(([, text]) => text !== undefined);
  return contentProblems(
    new Map(files.map(([name, text]) => [name, Buffer.from(String(text))])),
  ).join('\n');
}

/** One entry of a tar archive in the ustar form. */
function entry(name: string, text: string, prefix = ''): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(text.length.toString(8).padStart(11, '0'), 124);
  header.write('0', 156);
  header.write(prefix, 345);
  const body = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  body.write(text);
  return Buffer.concat([header, body]);
}

describe('content of a published package', () => {
  it('is accepted when it is complete', () => {
    expect(problems({})).toBe('');
  });

  it.each([
    [{ LICENSE: undefined }, 'LICENSE'],
    [{ 'src/index.ts': '' }, 'src/index.ts'],
    [{ 'dist/index.js.map': '' }, 'index.js.map'],
    [{ 'dist/main.js': 'no shebang' }, 'bin.x'],
    [{ 'package.json': '{"dependencies":{"a":"workspace:*"}}' }, 'workspace:'],
    [{ 'package.json': '{"exports":{".":{"@arfuse/source":"./src/index.ts"}}}' }, 'sources'],
  ])('is refused with %j', (change, named) => {
    expect(problems(change)).toContain(named);
  });

  it('is read from a tarball', () => {
    const tar = Buffer.concat([
      entry('package/package.json', '{}'),
      entry('b.js', 'x'.repeat(600), 'package/dist'),
      Buffer.alloc(1024),
    ]);
    const files = readTarball(gzipSync(tar));
    expect([...files].map(([name, bytes]) => [name, bytes.length])).toEqual([
      ['package.json', 2],
      ['dist/b.js', 600],
    ]);
  });
});

describe('a platform package', () => {
  const platform = {
    name: '@arfuse/native-x',
    version: '1.2.3',
    os: ['linux'],
    cpu: ['x64'],
    libc: ['glibc'],
  };
  const native = {
    name: '@arfuse/native',
    version: '1.2.3',
    optionalDependencies: { '@arfuse/native-x': 'workspace:*' },
  };

  it('has the version of @arfuse/native, which names it', () => {
    expect(pairProblems(platform, native)).toEqual([]);
    expect(pairProblems({ ...platform, version: '1.2.4' }, native).join()).toContain(
      '1.2.4, and @arfuse/native 1.2.3',
    );
    expect(pairProblems(platform, { ...native, optionalDependencies: {} }).join()).toContain(
      'optionalDependencies',
    );
    expect(pairProblems({ ...platform, libc: [] }, native).join()).toContain('"libc"');
  });

  it('holds the addon and runs nothing', () => {
    const files = (change: Record<string, string>) =>
      new Map(
        Object.entries({
          'package.json': '{}',
          'arfuse.node': '',
          'README.md': '',
          'CHANGELOG.md': '',
          LICENSE: '',
          ...change,
        }).map(([name, text]) => [name, Buffer.from(text)]),
      );
    expect(platformContentProblems(files({}))).toEqual([]);
    expect(platformContentProblems(files({ 'index.js': '' })).join()).toContain('index.js');
    const script = { 'package.json': '{"scripts":{"postinstall":"x"}}' };
    expect(platformContentProblems(files(script)).join()).toContain('postinstall');
  });

  it('is released with all architectures, for systems that its README promises', () => {
    const names = (...versions: string[]) => Buffer.from(`\0${versions.join('\0')}\0`);
    const old = names('GLIBC_2.2.5', 'GLIBC_2.34', 'GLIBC_2.4', 'GLIBCXX_3.4', 'GLIBCXX_3.4.29');
    expect(neededLibraries(old)).toEqual({ GLIBC: '2.34', GLIBCXX: '3.4.29' });
    expect(releaseProblems(old, '80-real 90a-real', ['80', '90a'])).toEqual([]);
    expect(releaseProblems(old, '90a-real', ['80', '90a']).join()).toContain('no kernels for 80');
    expect(releaseProblems(names('GLIBC_2.38'), '80', ['80']).join()).toContain('GLIBC 2.38');
  });
});

describe('two at a time', () => {
  it('keeps the order of results and never runs three', async () => {
    let running = 0;
    let most = 0;
    const results = await mapTwo([30, 10, 20, 5], async (delay) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, delay));
      running -= 1;
      return delay * 2;
    });
    expect(results).toEqual([60, 20, 40, 10]);
    expect(most).toBe(2);
  });
});
