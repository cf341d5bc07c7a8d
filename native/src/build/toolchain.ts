import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NativeError } from '@arfuse/contract';
import { type ProgramResult, runProgram } from './run-program.ts';

/** What the addon is compiled with. */
export interface Toolchain {
  /** Folder with `bin/nvcc`, `include` and the runtime's libraries. */
  readonly cuda: string;
  /** Folder of the static CUDA runtime: `lib` in wheels, `lib64` in an installed toolkit. */
  readonly cudaLibraries: string;
  /** Folder that holds `flashinfer/comm/trtllm_allreduce_fusion.cuh`. */
  readonly flashinferInclude: string;
  readonly flashinferVersion: string;
}

/** Where the toolchain comes from. */
export interface ToolchainOptions {
  /** Folder that keeps unpacked wheels. */
  readonly folder: string;
  /** `requirements.txt` with exact versions and hashes. */
  readonly requirements: string;
  /** An installed CUDA toolkit (12.8 or newer) instead of the wheels'. */
  readonly cuda?: string;
  /** FlashInfer's headers (0.7.2 or newer) instead of the wheel's: the folder that holds `flashinfer/`. */
  readonly flashinfer?: string;
  /** Python with pip; `python3` by default. */
  readonly python?: string;
  readonly signal?: AbortSignal;
}

/** Oldest FlashInfer whose kernels are right with PDL and after a change of grid size. */
export const MIN_FLASHINFER = '0.7.2';

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function failed(what: string, { output }: ProgramResult, hint: string): never {
  const lines = output.trim().split('\n');
  throw new NativeError({
    message: `${what}: ${lines.at(-1) ?? 'it printed nothing'}.`,
    hint,
    details: { output: lines.slice(-20).join('\n') },
  });
}

const HINT =
  'Install Python 3 with pip and allow a package registry, or give --cuda and --flashinfer with folders of your own.';

/** Downloads the wheels by version and hash and unpacks them into a new folder. */
async function unpackWheels(options: ToolchainOptions, into: string): Promise<void> {
  const { python = 'python3', requirements, signal } = options;
  const wheels = join(into, 'wheels');
  const probe = await runProgram(python, ['-m', 'pip', '--version'], { signal });
  if (probe.code !== 0) failed(`"${python} -m pip" does not run`, probe, HINT);
  const download = await runProgram(
    python,
    [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--require-hashes',
      '--disable-pip-version-check',
      '-d',
      wheels,
      '-r',
      requirements,
    ],
    { signal },
  );
  if (download.code !== 0) failed('the CUDA compiler parts cannot be downloaded', download, HINT);
  for (const wheel of (await readdir(wheels)).sort()) {
    const unpacked = await runProgram(python, ['-m', 'zipfile', '-e', join(wheels, wheel), into], {
      signal,
    });
    if (unpacked.code !== 0)
      failed(`${wheel} cannot be unpacked`, unpacked, 'Run the command again.');
  }
  await rm(wheels, { recursive: true });
  // Wheels are ZIP archives; unpacking loses the bit that makes a program one.
  for (const folder of ['nvidia/cu13/bin', 'nvidia/cu13/nvvm/bin'])
    for (const name of await readdir(join(into, folder)))
      await chmod(join(into, folder, name), 0o755);
}

/** A folder of unpacked wheels for these requirements, made on first use, whole or not at all. */
async function wheelFolder(options: ToolchainOptions): Promise<string> {
  const text = await readFile(options.requirements, 'utf8');
  const key = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const folder = join(options.folder, key);
  if (await exists(folder)) return folder;
  await mkdir(options.folder, { recursive: true });
  const temporary = await mkdtemp(join(options.folder, '.unpacking-'));
  try {
    await unpackWheels(options, temporary);
    await rename(temporary, folder).catch(async (error: unknown) => {
      // Another process may have been quicker.
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** Version of the FlashInfer headers in a folder, from the package's own record beside them. */
async function flashinferVersion(include: string): Promise<string> {
  const record = join(dirname(dirname(include)), '_build_meta.py');
  const text = await readFile(record, 'utf8').catch(() => '');
  const version = /__version__\s*=\s*["']([^"']+)["']/.exec(text)?.[1];
  if (version !== undefined) return version;
  throw new NativeError({
    message: `the FlashInfer headers in ${include} say no version: ${record} is missing.`,
    hint: `Give the flashinfer/data/include folder of an installed flashinfer-python ${MIN_FLASHINFER} or newer.`,
    details: { include },
  });
}

/** `a < b` for release numbers such as 0.6.18 and 0.7.2.post1. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) =>
    text.split('.').map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let i = 0; i < 3; i += 1) {
    if ((left![i] ?? 0) !== (right![i] ?? 0)) return (left![i] ?? 0) < (right![i] ?? 0);
  }
  return false;
}

async function requireFile(path: string, what: string, hint: string): Promise<void> {
  if (await exists(path)) return;
  throw new NativeError({ message: `${what}: ${path} does not exist.`, hint, details: { path } });
}

/**
 * The compiler, headers and libraries of a source build: those that are given, and the pinned wheels for the rest.
 * @throws NativeError with one sentence per missing part: Python, pip, the registry, nvcc, headers, or FlashInfer's age
 */
export async function prepareToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const needsWheels = options.cuda === undefined || options.flashinfer === undefined;
  const wheels = needsWheels ? await wheelFolder(options) : '';
  const cuda = options.cuda ?? join(wheels, 'nvidia/cu13');
  const include = options.flashinfer ?? join(wheels, 'flashinfer/data/include');
  await requireFile(
    join(cuda, 'bin/nvcc'),
    'no CUDA compiler',
    'Give the folder of a CUDA toolkit 12.8 or newer to --cuda.',
  );
  await requireFile(
    join(include, 'flashinfer/comm/trtllm_allreduce_fusion.cuh'),
    'no FlashInfer headers',
    'Give the folder that holds flashinfer/ to --flashinfer.',
  );
  const version = await flashinferVersion(include);
  if (isOlder(version, MIN_FLASHINFER)) {
    throw new NativeError({
      message: `FlashInfer ${version} is too old: before ${MIN_FLASHINFER} its kernels can read a stale residual, and its two-shot barrier can pass early.`,
      hint: `Give headers of ${MIN_FLASHINFER} or newer to --flashinfer, or leave it out.`,
      details: { version, needed: MIN_FLASHINFER },
    });
  }
  const lib64 = join(cuda, 'lib64');
  return {
    cuda,
    cudaLibraries: (await exists(lib64)) ? lib64 : join(cuda, 'lib'),
    flashinferInclude: include,
    flashinferVersion: version,
  };
}
