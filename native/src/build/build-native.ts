import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { NativeError, UsageError } from '@arfuse/contract';
import { runProgram } from './run-program.ts';
import { prepareToolchain, type Toolchain } from './toolchain.ts';

/** What is built, and from what. */
export interface NativeBuildOptions {
  /** GPU architectures: `80`, `89`, `90a`, `100f`, `120a`. */
  readonly architectures?: readonly string[];
  /** An installed CUDA toolkit (12.8 or newer). */
  readonly cuda?: string;
  /** Folder that holds FlashInfer's headers (0.7.2 or newer). */
  readonly flashinfer?: string;
  /** Python with pip, for the pinned wheels. */
  readonly python?: string;
  /** Folder that keeps unpacked wheels; `.toolchain` in this package by default. */
  readonly toolchainFolder?: string;
  /** Called with a line when a phase begins. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A built addon. */
export interface NativeBuild {
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly architectures: readonly string[];
  readonly toolchain: Toolchain;
}

/** Architectures of the released binary: Ampere, Ada, Hopper, and the families of B200/B300 and of RTX 50. */
export const DEFAULT_ARCHITECTURES: readonly string[] = ['80', '89', '90a', '100f', '120a'];

const ARCHITECTURE = /^\d{2,3}[af]?$/;

const require = createRequire(import.meta.url);

function checkArchitectures(given: readonly string[]): void {
  const wrong = given.find((name) => !ARCHITECTURE.test(name));
  if (wrong === undefined && given.length > 0) return;
  throw new UsageError({
    message:
      wrong === undefined ? 'no GPU architecture is given.' : `"${wrong}" is no GPU architecture.`,
    hint: `Write compute capabilities without a dot, e.g. ${DEFAULT_ARCHITECTURES.join(',')}.`,
    details: { architectures: given },
  });
}

async function requireProgram(program: string, hint: string): Promise<void> {
  const { code } = await runProgram(program, ['--version']);
  if (code === 0) return;
  throw new NativeError({ message: `"${program}" does not run.`, hint, details: { program } });
}

/**
 * Compiles the addon with its CUDA kernels in this package's folder. Needs CMake 3.24, a C++20 compiler, and Python with
 * pip for the CUDA compiler parts, unless `cuda` and `flashinfer` are given. No GPU and no driver.
 * @throws NativeError with the sentence of what is missing, or the compiler's own last lines
 */
export async function buildNative(options: NativeBuildOptions = {}): Promise<NativeBuild> {
  const start = Date.now();
  const report = options.report ?? (() => undefined);
  const folder = dirname(require.resolve('@arfuse/native/package.json'));
  const architectures = options.architectures ?? DEFAULT_ARCHITECTURES;
  checkArchitectures(architectures);
  await requireProgram('cmake', 'Install CMake 3.24 or newer.');
  await requireProgram('c++', 'Install a C++20 compiler such as g++ 12.');
  report('toolchain');
  const toolchain = await prepareToolchain({
    folder: options.toolchainFolder ?? join(folder, '.toolchain'),
    requirements: join(folder, 'toolchain/requirements.txt'),
    ...(options.cuda === undefined ? {} : { cuda: options.cuda }),
    ...(options.flashinfer === undefined ? {} : { flashinfer: options.flashinfer }),
    ...(options.python === undefined ? {} : { python: options.python }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  report('compile');
  const settings = {
    CMAKE_CUDA_COMPILER: join(toolchain.cuda, 'bin/nvcc'),
    CMAKE_CUDA_FLAGS: `-L${toolchain.cudaLibraries}`,
    CUDAToolkit_ROOT: toolchain.cuda,
    ARFUSE_CUDA_ARCHS: architectures.map((name) => `${name}-real`).join(';'),
    ARFUSE_FLASHINFER_INCLUDE: toolchain.flashinferInclude,
    ARFUSE_FLASHINFER_VERSION: toolchain.flashinferVersion,
  };
  const cmake = (phase: 'configure' | 'build') =>
    runProgram(
      process.execPath,
      [
        require.resolve('cmake-js/bin/cmake-js'),
        phase,
        '--directory',
        folder,
        '--parallel',
        String(availableParallelism()),
        ...Object.entries(settings).map(([name, value]) => `--CD${name}=${value}`),
      ],
      { cwd: folder, ...(options.signal === undefined ? {} : { signal: options.signal }) },
    );
  // A folder that is configured already would keep the architectures and headers of its last build.
  const configured = await cmake('configure');
  const { code, output } = configured.code === 0 ? await cmake('build') : configured;
  const path = join(folder, 'build/Release/arfuse.node');
  if (code !== 0) {
    const lines = output.trim().split('\n');
    const first = lines.findIndex((line) => /\berror\b/i.test(line));
    throw new NativeError({
      message: `the addon does not compile: ${lines[Math.max(0, first)] ?? 'cmake-js printed nothing'}.`,
      hint: `Run "rm -rf ${join(folder, 'build')}" and build again; the whole output is in \`details\` (--json).`,
      details: { output: lines.slice(-60).join('\n') },
    });
  }
  const { size } = await stat(path);
  return { path, bytes: size, seconds: (Date.now() - start) / 1000, architectures, toolchain };
}
