import { readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { NativeError } from '@arfuse/contract';
import manifest from '../../package.json' with { type: 'json' };
import { NATIVE_ABI, type NativeBinding } from '../binding/binding.ts';
import {
  type BinaryCandidate,
  binaryCandidates,
  PLATFORM_PACKAGES,
  thisPlatform,
} from './candidates.ts';
import { dlopenReason } from './dlopen-reason.ts';
import { elfProblem } from './elf.ts';
import { type LoadFailure, mismatch, type Reason } from './load-failure.ts';

/** A loaded addon, where it came from, and what was tried before it. */
export interface LoadedNative {
  readonly binding: NativeBinding;
  readonly from: BinaryCandidate;
  readonly failures: readonly LoadFailure[];
}

/** Where to look instead of the environment and the package's own folder. */
export interface LoadOptions {
  readonly candidates?: readonly BinaryCandidate[];
}

const require = createRequire(import.meta.url);

/** Folder of this package, from its sources and from what is built of them alike; undefined inside a bundled application. */
function packageFolder(): string | undefined {
  try {
    return dirname(require.resolve('@arfuse/native/package.json'));
  } catch {
    return undefined;
  }
}

/** Names are literal so that bundlers and tracers of files see them. */
function resolvePackaged(name: string): string {
  switch (name) {
    case '@arfuse/native-linux-x64-cuda13/arfuse.node':
      return require.resolve('@arfuse/native-linux-x64-cuda13/arfuse.node');
    default:
      return require.resolve(name);
  }
}

/** The file of a candidate behind all links, or why there is none. */
function locate({ id, path }: BinaryCandidate): string | Reason {
  let file: string;
  try {
    file = realpathSync(id === 'package' ? resolvePackaged(path) : resolve(path));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTDIR', 'MODULE_NOT_FOUND'].includes(code)) throw error;
    return {
      code: 'MODULE_NOT_FOUND',
      message: id === 'package' ? 'it is not installed' : 'it does not exist',
    };
  }
  // Node would run a file of another name as JavaScript.
  if (!file.endsWith('.node') || !statSync(file).isFile())
    return { code: 'NOT_ADDON', message: 'it is no file whose name ends in .node' };
  return file;
}

/** A platform package is built from the sources of one version of this package. */
function versionProblem({ id }: BinaryCandidate, file: string): Reason | undefined {
  if (id !== 'package') return undefined;
  const { version } = JSON.parse(readFileSync(join(dirname(file), 'package.json'), 'utf8')) as {
    readonly version?: string;
  };
  if (version === manifest.version) return undefined;
  return mismatch(
    'VERSION',
    `version ${manifest.version}, that of @arfuse/native`,
    `version ${String(version)}`,
    ': install the same version of both',
  );
}

function abiProblem(binding: Partial<NativeBinding> | undefined): Reason | undefined {
  if (binding?.abi === NATIVE_ABI) return undefined;
  if (binding?.abi === undefined)
    return { code: 'NOT_ADDON', message: 'it is an addon, but not that of arfuse' };
  return mismatch(
    'ABI',
    `ABI ${NATIVE_ABI}`,
    `ABI ${String(binding.abi)}`,
    ': build it again with `arfuse native build`',
  );
}

/** The addon of one place, or why there is none. */
function loadOne(
  candidate: BinaryCandidate,
  open: (file: string) => unknown,
): { readonly binding: NativeBinding } | Reason {
  try {
    const file = locate(candidate);
    if (typeof file !== 'string') return file;
    const before =
      versionProblem(candidate, file) ??
      (process.platform === 'linux' ? elfProblem(file) : undefined);
    if (before) return before;
    const binding = open(file) as NativeBinding;
    return abiProblem(binding) ?? { binding };
  } catch (error) {
    return dlopenReason(error);
  }
}

/** What a user can do on this platform. */
function hint(): string {
  const packaged = PLATFORM_PACKAGES[thisPlatform()];
  const none = 'Plans, `verify` and `run --on reference` need none.';
  if (packaged === undefined)
    return `${none} GPUs need Linux on x86-64; this is ${thisPlatform()}.`;
  return `${none} For GPUs install ${packaged}@${manifest.version}, or run \`arfuse native build\`.`;
}

/**
 * Loads the addon from the first candidate that has one.
 * @param open - how a file becomes an addon; a test gives its own
 * @throws NativeError that lists each place tried with its reason
 */
export function loadFrom(
  candidates: readonly BinaryCandidate[],
  open: (file: string) => unknown = require,
): LoadedNative {
  const failures: LoadFailure[] = [];
  for (const candidate of candidates) {
    const result = loadOne(candidate, open);
    if ('binding' in result) return { binding: result.binding, from: candidate, failures };
    failures.push({ id: candidate.id, path: candidate.path, ...result });
    if (candidate.id === 'environment') break;
  }
  const tried = failures.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new NativeError({
    message: `no native addon: ${tried === '' ? 'there is no place to look' : tried}.`,
    hint:
      failures[0]?.id === 'environment'
        ? 'Correct ARFUSE_NATIVE_BINARY, or unset it: then the local build and the platform package are tried.'
        : hint(),
    details: { failures },
  });
}

/**
 * Loads the addon from the first place that has one: `ARFUSE_NATIVE_BINARY`, the local build, the platform package. A
 * binary that the user names is loaded or refused, never passed over. Opens no driver.
 * @throws NativeError that lists each place tried with its reason
 */
export function loadNative(options: LoadOptions = {}): LoadedNative {
  return loadFrom(options.candidates ?? binaryCandidates(process.env, packageFolder()));
}
