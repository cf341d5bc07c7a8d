import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeError } from '@arfuse/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BinaryCandidate, binaryCandidates, loadNative, NATIVE_ABI } from '../src/index.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'arfuse-native-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function fileOf(name: string, content: string): string {
  const path = join(folder(), name);
  writeFileSync(path, content);
  return path;
}

const refusal = (candidates: readonly BinaryCandidate[]): NativeError => {
  try {
    loadNative({ candidates });
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
    const error = refusal([
      { id: 'local', path: '/nowhere/arfuse.node' },
      { id: 'package', path: '@arfuse/native-made-up/arfuse.node' },
    ]);
    expect(error.message).toContain(
      "/nowhere/arfuse.node: Cannot find module '/nowhere/arfuse.node'",
    );
    expect(error.message).toContain('arfuse native build');
    expect(error.details.failures).toEqual([
      expect.objectContaining({ id: 'local', code: 'MODULE_NOT_FOUND' }),
      expect.objectContaining({ id: 'package', code: 'MODULE_NOT_FOUND' }),
    ]);
  });

  it('refuses a corrupted binary with the words of the dynamic loader', () => {
    const error = refusal([{ id: 'local', path: fileOf('arfuse.node', 'not an ELF file') }]);
    expect(error.details.failures).toEqual([
      expect.objectContaining({
        code: 'ERR_DLOPEN_FAILED',
        message: expect.stringMatching(/too short|invalid ELF/),
      }),
    ]);
  });

  it('refuses an addon of another ABI by number', () => {
    const old = fileOf('arfuse.cjs', 'module.exports = { abi: 0 };');
    const error = refusal([{ id: 'local', path: old }]);
    expect(error.message).toContain(`it has ABI 0, this @arfuse/native needs ${NATIVE_ABI}`);
    expect(error.details.failures).toEqual([expect.objectContaining({ code: 'ABI' })]);
  });

  it('goes on after a place that has none, and says what it passed', () => {
    const good = fileOf('arfuse.cjs', `module.exports = { abi: ${NATIVE_ABI} };`);
    const loaded = loadNative({
      candidates: [
        { id: 'local', path: '/nowhere/arfuse.node' },
        { id: 'package', path: good },
      ],
    });
    expect(loaded.from).toEqual({ id: 'package', path: good });
    expect(loaded.failures).toHaveLength(1);
  });

  it('does not pass over a binary that the user named', () => {
    const good = fileOf('arfuse.cjs', `module.exports = { abi: ${NATIVE_ABI} };`);
    const error = refusal([
      { id: 'environment', path: '/nowhere/mine.node' },
      { id: 'local', path: good },
    ]);
    expect(error.details.failures).toHaveLength(1);
  });
});
