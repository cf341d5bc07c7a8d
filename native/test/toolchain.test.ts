import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeError, UsageError } from '@arfuse/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildNative, prepareToolchain } from '../src/index.ts';

const requirements = fileURLToPath(new URL('../toolchain/requirements.txt', import.meta.url));

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'arfuse-toolchain-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function write(path: string, content = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Folders that look like a CUDA toolkit and FlashInfer's headers. */
function given(version: string | undefined): {
  cuda: string;
  flashinfer: string;
  folder: string;
  requirements: string;
} {
  const root = folder();
  write(join(root, 'cuda/bin/nvcc'));
  write(join(root, 'cuda/lib64/libcudart_static.a'));
  write(join(root, 'fi/data/include/flashinfer/comm/trtllm_allreduce_fusion.cuh'));
  if (version !== undefined) write(join(root, 'fi/_build_meta.py'), `__version__ = "${version}"\n`);
  return {
    cuda: join(root, 'cuda'),
    flashinfer: join(root, 'fi/data/include'),
    folder: join(root, 'unused'),
    requirements,
  };
}

describe('prepareToolchain', () => {
  it('takes the folders that are given and downloads nothing', async () => {
    const options = given('0.7.2.post1');
    expect(await prepareToolchain({ ...options, python: '/nowhere/python' })).toEqual({
      cuda: options.cuda,
      cudaLibraries: join(options.cuda, 'lib64'),
      flashinferInclude: options.flashinfer,
      flashinferVersion: '0.7.2.post1',
    });
  });

  it.each(['0.7.1', '0.6.18.post1', '0.6.15'])(
    'refuses FlashInfer %s with the reason',
    async (version) => {
      await expect(prepareToolchain(given(version))).rejects.toThrow(
        new RegExp(
          `FlashInfer ${version.replaceAll('.', '\\.')} is too old: before 0\\.7\\.2 its kernels can read a stale residual`,
        ),
      );
    },
  );

  it.each(['0.7.2', '0.7.10', '0.10.0', '1.0.0'])('takes FlashInfer %s', async (version) => {
    expect((await prepareToolchain(given(version))).flashinferVersion).toBe(version);
  });

  it('names what is missing of a given folder', async () => {
    await expect(prepareToolchain(given(undefined))).rejects.toThrow(
      /say no version: .*_build_meta\.py is missing/,
    );
    const options = given('0.7.2');
    await expect(prepareToolchain({ ...options, cuda: '/nowhere' })).rejects.toThrow(
      'no CUDA compiler: /nowhere/bin/nvcc does not exist.',
    );
    await expect(prepareToolchain({ ...options, flashinfer: '/nowhere' })).rejects.toThrow(
      /no FlashInfer headers: \/nowhere/,
    );
  });

  it('says in one sentence that Python is missing, and leaves nothing half-unpacked', async () => {
    const options = { folder: folder(), requirements, python: '/nowhere/python3' };
    const error = await prepareToolchain(options).catch((thrown: unknown) => thrown);
    expect(NativeError.isInstance(error)).toBe(true);
    expect((error as Error).message).toMatch(
      /^"\/nowhere\/python3 -m pip" does not run: .*ENOENT\. Install Python 3 with pip and allow a package registry/,
    );
    expect(readdirSync(options.folder)).toEqual([]);
  });

  it('says in one sentence that a download failed, and leaves nothing half-unpacked', async () => {
    const root = folder();
    // Stands for pip on a machine without a network: it runs, and downloads nothing.
    const python = join(root, 'python');
    write(
      python,
      '#!/bin/sh\ncase "$3" in --version) echo pip 23 ;; *) echo "ERROR: No matching distribution found" >&2; exit 1 ;; esac\n',
    );
    (await import('node:fs')).chmodSync(python, 0o755);
    const options = { folder: join(root, 'kept'), requirements, python };
    await expect(prepareToolchain(options)).rejects.toThrow(
      'the CUDA compiler parts cannot be downloaded: ERROR: No matching distribution found.',
    );
    expect(readdirSync(options.folder)).toEqual([]);
  });
});

describe('buildNative', () => {
  it.each([[['sm_90']], [['9.0']], [['native']], [[]]])(
    'refuses architectures %j before it does anything',
    async (architectures) => {
      const error = await buildNative({ architectures }).catch((thrown: unknown) => thrown);
      expect(UsageError.isInstance(error)).toBe(true);
    },
  );
});
