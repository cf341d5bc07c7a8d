import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeError } from '@arfuse/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  loadNative,
  type NcclOptions,
  ncclCandidates,
  openNccl,
  pythonFolders,
} from '../src/index.ts';
import { addon } from './support.ts';

const binding = 'binding' in addon ? addon.binding : undefined;
const usable = binding?.NcclLibrary !== undefined;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'arfuse-nccl-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function fileAt(path: string, content: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const FUNCTIONS = [
  'ncclCommInitRankConfig',
  'ncclCommDestroy',
  'ncclCommAbort',
  'ncclCommGetAsyncError',
  'ncclAllReduce',
  'ncclMemAlloc',
  'ncclMemFree',
  'ncclCommWindowRegister',
  'ncclCommWindowDeregister',
];

/** A library with NCCL's functions, compiled here. */
function library(
  path: string,
  version: number,
  { without = '', id = 0 }: { readonly without?: string; readonly id?: number } = {},
): string {
  const source = [
    `int ncclGetVersion(int* version) { *version = ${version}; return 0; }`,
    `int ncclGetUniqueId(char* id) { for (int i = 0; i < 128; ++i) id[i] = (char)i; return ${id}; }`,
    'const char* ncclGetErrorString(int result) { return result == 2 ? "unhandled system error" : "no error"; }',
    'const char* ncclGetLastError(void* communicator) { return communicator ? "" : "socket was refused\\n"; }',
    ...FUNCTIONS.filter((name) => name !== without).map(
      (name) => `int ${name}(void) { return 0; }`,
    ),
  ];
  mkdirSync(join(path, '..'), { recursive: true });
  execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', path, '-'], {
    input: source.join('\n'),
  });
  return path;
}

function refusal(options: NcclOptions): NativeError {
  try {
    openNccl({ ...(binding ? { binding } : {}), ...options });
  } catch (error) {
    if (NativeError.isInstance(error)) return error as NativeError;
    throw error;
  }
  throw new Error('it opened');
}

describe('pythonFolders', () => {
  it('looks into the active environment, then where python3 stands, then into common prefixes', () => {
    const root = folder();
    const packages = (...at: string[]): string => {
      const made = join(root, ...at);
      mkdirSync(made, { recursive: true });
      return made;
    };
    const venv = packages('venv', 'lib', 'python3.12', 'site-packages');
    const conda = packages('conda', 'lib', 'python3.11', 'site-packages');
    const newer = packages('system', 'lib', 'python3.13', 'site-packages');
    const older = packages('system', 'lib', 'python3.9', 'dist-packages');
    const debian = packages('system', 'lib', 'python3', 'dist-packages');
    const other = packages('other', 'lib64', 'python3.10', 'site-packages');
    packages('other', 'lib', 'ruby', 'site-packages');
    const program = fileAt(join(root, 'system', 'bin', 'python3.13'), '');
    mkdirSync(join(root, 'shims'));
    symlinkSync(program, join(root, 'shims', 'python3'));
    const env = {
      VIRTUAL_ENV: join(root, 'venv'),
      CONDA_PREFIX: join(root, 'conda'),
      PATH: `${join(root, 'nowhere')}:${join(root, 'shims')}`,
    };
    const prefixes = [join(root, 'system'), join(root, 'other')];
    expect(pythonFolders(env, { prefixes })).toEqual([venv, conda, newer, older, debian, other]);
    expect(pythonFolders({}, { prefixes: [] })).toEqual([]);
  });
});

describe('ncclCandidates', () => {
  it('asks the loader first, then wheels that are there', () => {
    const root = folder();
    const [with_, without] = [join(root, 'a'), join(root, 'b')];
    const wheel = fileAt(join(with_, 'nvidia/nccl/lib/libnccl.so.2'), '');
    expect(ncclCandidates({}, [without, with_])).toEqual([
      { id: 'system', path: 'libnccl.so.2' },
      { id: 'python', path: wheel },
    ]);
  });

  it('takes the file or the folder that ARFUSE_NCCL_PATH names, and nothing else', () => {
    const root = folder();
    const wheel = fileAt(join(root, 'wheel/nvidia/nccl/lib/libnccl.so.2'), '');
    const named = (path: string) =>
      ncclCandidates({ ARFUSE_NCCL_PATH: path }, [join(root, 'wheel')]);
    expect(named(wheel)).toEqual([{ id: 'environment', path: wheel }]);
    expect(named(join(wheel, '..'))).toEqual([{ id: 'environment', path: wheel }]);
    expect(named(join(wheel, '../..'))).toEqual([{ id: 'environment', path: wheel }]);
    expect(named(root)).toEqual([{ id: 'environment', path: join(root, 'libnccl.so.2') }]);
    expect(named('')).toHaveLength(2);
  });
});

describe.skipIf(!usable)('openNccl', () => {
  it('opens what ARFUSE_NCCL_PATH names, and says which it is', () => {
    const path = library(join(folder(), 'libnccl.so.2'), 22_809);
    const { library: nccl, from } = openNccl({
      binding: binding!,
      env: { ARFUSE_NCCL_PATH: path },
    });
    expect(nccl.version).toBe('2.28.9');
    expect(nccl.file).toBe(path);
    expect(from).toEqual({ id: 'environment', path });
    expect([...nccl.uniqueId()]).toEqual(Array.from({ length: 128 }, (_, i) => i));
  });

  it('refuses an older release by its version, and goes on to the next place', () => {
    const [old, good] = [folder(), folder()];
    const wheel = 'nvidia/nccl/lib/libnccl.so.2';
    library(join(old, wheel), 22_703);
    library(join(good, wheel), 23_007);
    const opened = openNccl({ binding: binding!, env: {}, folders: [old, good] });
    expect(opened.library.version).toBe('2.30.7');
    expect(opened.failures).toContainEqual({
      id: 'python',
      path: join(old, wheel),
      message: 'it is NCCL 2.27.3; arfuse needs 2.28.0 or newer',
    });
    const error = refusal({ env: { ARFUSE_NCCL_PATH: join(old, wheel) }, folders: [good] });
    expect(error.message).toContain(`${join(old, wheel)}: it is NCCL 2.27.3; arfuse needs 2.28.0`);
    expect(error.message).toContain('unset it to look elsewhere');
    expect(error.details.failures).toHaveLength(1);
  });

  it('writes versions from before 2.9 as NCCL means them', () => {
    const path = library(join(folder(), 'libnccl.so.2'), 2804);
    expect(refusal({ env: { ARFUSE_NCCL_PATH: path } }).message).toContain('it is NCCL 2.8.4;');
  });

  it('names a function that is missing', () => {
    const path = library(join(folder(), 'libnccl.so.2'), 22_809, { without: 'ncclMemAlloc' });
    expect(refusal({ env: { ARFUSE_NCCL_PATH: path } }).message).toContain(
      'it is NCCL 2.28.9, but it has no function ncclMemAlloc',
    );
  });

  it('refuses what is no library, and a library that is no NCCL, with the words of the loader', () => {
    const text = fileAt(join(folder(), 'libnccl.so.2'), 'not an ELF file, whatever its name says');
    expect(refusal({ env: { ARFUSE_NCCL_PATH: text } }).message).toMatch(
      /libnccl\.so\.2: (file too short|invalid ELF header)/,
    );
    const other = join(folder(), 'libother.so');
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', other, '-'], {
      input: 'int one = 1;',
    });
    expect(refusal({ env: { ARFUSE_NCCL_PATH: other } }).message).toContain(
      'it is no NCCL: it has no function ncclGetVersion',
    );
  });

  it('lists each place tried, and says how to get it', () => {
    const empty = folder();
    const error = refusal({ env: {}, folders: [empty] });
    expect(error.message).toContain(
      'no NCCL 2.28.0 or newer: libnccl.so.2: cannot open shared object file',
    );
    expect(error.message).toContain(`no wheel of it in ${empty}`);
    expect(error.message).toContain('pip install nvidia-nccl-cu13');
    expect(refusal({ env: {}, folders: [] }).message).toContain('no folder of Python packages');
  });

  it('reports a failed call in the words of NCCL, with its name as the code', () => {
    const path = library(join(folder(), 'libnccl.so.2'), 22_809, { id: 2 });
    const { library: nccl } = openNccl({ binding: binding!, env: { ARFUSE_NCCL_PATH: path } });
    expect(() => nccl.uniqueId()).toThrow(
      expect.objectContaining({
        code: 'ncclSystemError',
        message: 'ncclGetUniqueId: unhandled system error (socket was refused)',
      }),
    );
  });

  it('leaves multicast off and connects ranks while they open, unless the user says otherwise', () => {
    const path = library(join(folder(), 'libnccl.so.2'), 22_809);
    const code =
      'new (require(process.argv[1]).NcclLibrary)(process.argv[2]); const e = process.env; console.log(e.NCCL_NVLS_ENABLE, e.NCCL_RUNTIME_CONNECT)';
    const seen = (env: Record<string, string>): string =>
      execFileSync(process.execPath, ['-e', code, loadNative().from.path, path], {
        env: { PATH: process.env.PATH, ...env },
      }).toString();
    expect(seen({})).toBe('0 0\n');
    expect(seen({ NCCL_NVLS_ENABLE: '2', NCCL_RUNTIME_CONNECT: '1' })).toBe('2 1\n');
  });
});

describe.skipIf(!usable)('a communicator', () => {
  const opened = () => {
    const path = library(join(folder(), 'libnccl.so.2'), 22_809);
    return openNccl({ binding: binding!, env: { ARFUSE_NCCL_PATH: path } }).library;
  };

  it('refuses what is no library of NCCL, and options that contradict each other', () => {
    const { NcclCommunicator } = binding as Required<NonNullable<typeof binding>>;
    expect(() => new NcclCommunicator({} as never, 0)).toThrow('library: expected a NcclLibrary');
    const communicator = new NcclCommunicator(opened(), 0);
    const options = { id: new Uint8Array(128), rank: 0, size: 2, windowBytes: 0, rehearsals: [] };
    expect(() => communicator.open({ ...options, rank: 2 })).toThrow(
      'rank: expected an integer from 0 to 1',
    );
    expect(() => communicator.open({ ...options, id: new Uint8Array(64) })).toThrow(
      'id: expected 128 bytes',
    );
    expect(() =>
      communicator.open({ ...options, rehearsals: [{ dtype: 'bf16', count: 8, windowed: true }] }),
    ).toThrow('rehearsals[0].count: expected what the window of 0 bytes holds');
    expect(communicator.ready()).toBe(false);
    expect(communicator.closed()).toBe(true);
    expect(communicator.failure()).toBeNull();
  });

  it.skipIf(binding?.devices?.().devices.length !== 0)(
    'says without a GPU what CUDA says, and can be opened again',
    async () => {
      const { NcclCommunicator } = binding as Required<NonNullable<typeof binding>>;
      const communicator = new NcclCommunicator(opened(), 0);
      const options = { id: new Uint8Array(128), rank: 0, size: 2, windowBytes: 0, rehearsals: [] };
      for (let round = 0; round < 2; round += 1) {
        communicator.open(options);
        expect(() => communicator.open(options)).toThrow('open already');
        await expect
          .poll(() => {
            try {
              return communicator.ready();
            } catch (error) {
              return (error as Error).message;
            }
          })
          .toMatch(/^cudaGetDevice: /);
        expect(communicator.closed()).toBe(true);
      }
      communicator.open(options);
      communicator.abort();
      communicator.abort();
      await expect.poll(() => communicator.closed()).toBe(true);
    },
  );
});
