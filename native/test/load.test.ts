import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { NativeError } from '@arfuse/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { type BinaryCandidate, binaryCandidates, loadNative, NATIVE_ABI } from '../src/index.ts';
import { dlopenReason } from '../src/load/dlopen-reason.ts';
import { elfProblem } from '../src/load/elf.ts';
import { loadFrom } from '../src/load/load-native.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'arfuse-native-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder(), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A file with the header of a library whose sections end at `end`. */
function library(change: { readonly machine?: number; readonly end?: number } = {}): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\u007fELF', 0, 'latin1');
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(change.machine ?? (process.arch === 'arm64' ? 183 : 62), 18);
  bytes.writeBigUInt64LE(BigInt(change.end ?? 64), 40);
  return bytes;
}

const good = (): string => fileOf('arfuse.node', library());

const refusal = (
  candidates: readonly BinaryCandidate[],
  open?: (file: string) => unknown,
): NativeError => {
  try {
    loadFrom(candidates, open);
  } catch (error) {
    if (NativeError.isInstance(error)) return error as NativeError;
    throw error;
  }
  throw new Error('it loaded');
};

describe('binaryCandidates', () => {
  it('looks into the local build, then into the platform package', () => {
    expect(binaryCandidates({}, '/a/native', 'linux-x64')).toEqual([
      { id: 'local', path: '/a/native/build/Release/arfuse.node' },
      { id: 'package', path: '@arfuse/native-linux-x64-cuda13/arfuse.node' },
    ]);
    expect(binaryCandidates({}, '/a/native', 'darwin-arm64').map(({ id }) => id)).toEqual([
      'local',
    ]);
  });

  it('looks into the platform package alone where this package was bundled', () => {
    expect(binaryCandidates({}, undefined, 'linux-x64').map(({ id }) => id)).toEqual(['package']);
    expect(refusal(binaryCandidates({}, undefined, 'darwin-arm64')).message).toContain(
      'there is no place to look',
    );
  });

  it('takes what ARFUSE_NATIVE_BINARY names, and nothing else', () => {
    const env = { ARFUSE_NATIVE_BINARY: '/b.node' };
    expect(binaryCandidates(env, '/a', 'linux-x64')).toEqual([
      { id: 'environment', path: '/b.node' },
    ]);
    expect(binaryCandidates({ ARFUSE_NATIVE_BINARY: '' }, '/a', 'linux-x64')).toHaveLength(2);
  });
});

describe('loadNative', () => {
  it('lists each place with its reason, and what to do', () => {
    const candidates: BinaryCandidate[] = [
      { id: 'local', path: '/nowhere/arfuse.node' },
      { id: 'package', path: '@arfuse/native-made-up/arfuse.node' },
    ];
    expect(() => loadNative({ candidates })).toThrow(
      'no native addon: /nowhere/arfuse.node: it does not exist; @arfuse/native-made-up/arfuse.node: it is not installed.',
    );
    const error = refusal(candidates);
    expect(error.message).toMatch(/Plans, `verify` and `run --on reference` need none/);
    expect(error.details.failures).toEqual([
      expect.objectContaining({ id: 'local', code: 'MODULE_NOT_FOUND' }),
      expect.objectContaining({ id: 'package', code: 'MODULE_NOT_FOUND' }),
    ]);
  });

  it('refuses an addon of another ABI by number', () => {
    const error = refusal([{ id: 'local', path: good() }], () => ({ abi: NATIVE_ABI - 1 }));
    expect(error.message).toContain(
      `it needs ABI ${NATIVE_ABI}, and finds ABI ${NATIVE_ABI - 1}: build it again`,
    );
    expect(error.details.failures).toEqual([
      expect.objectContaining({
        code: 'ABI',
        requires: `ABI ${NATIVE_ABI}`,
        found: `ABI ${NATIVE_ABI - 1}`,
      }),
    ]);
  });

  it('goes on after a place that has none, and says what it passed', () => {
    const path = good();
    const candidates: BinaryCandidate[] = [
      { id: 'local', path: '/nowhere/arfuse.node' },
      { id: 'local', path },
    ];
    const loaded = loadFrom(candidates, () => ({ abi: NATIVE_ABI }));
    expect(loaded.from).toEqual({ id: 'local', path });
    expect(loaded.failures).toHaveLength(1);
  });

  it('does not pass over a binary that the user named', () => {
    const error = refusal(
      [
        { id: 'environment', path: '/nowhere/mine.node' },
        { id: 'local', path: good() },
      ],
      () => ({ abi: NATIVE_ABI }),
    );
    expect(error.details.failures).toHaveLength(1);
    expect(error.message).toContain('Correct ARFUSE_NATIVE_BINARY, or unset it');
  });

  it('runs nothing that is no addon', () => {
    const script = fileOf('mine.js', 'throw new Error("it ran");');
    const link = join(folder(), 'arfuse.node');
    symlinkSync(script, link);
    for (const path of [script, link, folder()])
      expect(refusal([{ id: 'environment', path }]).message).toContain(
        'it is no file whose name ends in .node',
      );
    for (const exports of [undefined, {}, { abi: undefined }])
      expect(refusal([{ id: 'local', path: good() }], () => exports).details.failures).toEqual([
        expect.objectContaining({ code: 'NOT_ADDON' }),
      ]);
  });

  it('refuses a platform package of another version by both numbers', () => {
    const root = folder();
    const name = join(root, 'node_modules/@arfuse/native-made-up');
    mkdirSync(name, { recursive: true });
    writeFileSync(join(name, 'package.json'), '{"version":"0.0.7"}');
    writeFileSync(join(name, 'arfuse.node'), library());
    const path = join(name, 'arfuse.node');
    const error = refusal([{ id: 'package', path }], () => ({ abi: NATIVE_ABI }));
    expect(error.message).toContain(
      `it needs version ${manifest.version}, that of @arfuse/native, and finds version 0.0.7: install the same version of both`,
    );
    writeFileSync(join(name, 'package.json'), `{"version":"${manifest.version}"}`);
    expect(loadFrom([{ id: 'package', path }], () => ({ abi: NATIVE_ABI })).from.path).toBe(path);
  });
});

describe.runIf(process.platform === 'linux')('a damaged binary', () => {
  it.each([
    ['text', 'not an ELF file', 'it is no ELF library'],
    ['nothing', '', 'it is no ELF library'],
    ['a header that is cut off', library().subarray(0, 40), 'no 64-bit little-endian'],
    ['a file that is cut off', library({ end: 100_000 }), 'it is cut off: 64 bytes of at least'],
    ['another processor', library({ machine: 243 }), 'finds machine 243'],
  ])('%s is refused before the dynamic loader sees it', (_, content, message) => {
    const error = refusal([{ id: 'local', path: fileOf('arfuse.node', content) }], () => {
      throw new Error('it was opened');
    });
    expect(error.message).toContain(message);
    expect(error.details.failures).toEqual([expect.objectContaining({ code: 'CORRUPTED' })]);
  });

  it('is no binary that Node itself runs', () => {
    expect(elfProblem(process.execPath)).toBeUndefined();
  });
});

describe('words of the dynamic loader', () => {
  const failed = (message: string): Error =>
    Object.assign(new Error(message), { code: 'ERR_DLOPEN_FAILED' });

  it.each([
    [
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /a.node)",
      'it needs glibc 2.38, and finds glibc 2.31',
    ],
    [
      "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /a.node)",
      'it needs libstdc++ with GLIBCXX_3.4.32, and finds an older libstdc++',
    ],
  ])('become what is needed and what there is: %s', (words, message) => {
    expect(dlopenReason(failed(words), () => '2.31')).toMatchObject({ code: 'LIBC', message });
  });

  it('name the C library where it is another one', () => {
    expect(
      dlopenReason(failed('Error relocating /a.node: x: symbol not found'), () => undefined),
    ).toMatchObject({ code: 'LIBC', requires: 'glibc', found: 'another C library' });
  });

  it('stay as they are otherwise', () => {
    const words = 'libfoo.so.1: cannot open shared object file: No such file or directory';
    expect(dlopenReason(failed(`${words}\nmore`), () => '2.36')).toEqual({
      code: 'ERR_DLOPEN_FAILED',
      message: words,
    });
    expect(dlopenReason(failed('Module did not self-register: /a.node'), () => '2.36').code).toBe(
      'NOT_ADDON',
    );
  });
});
