import { NativeError } from '@arfuse/contract';
import type { NativeBinding } from '../binding/binding.ts';
import type { NativeNcclLibrary } from '../binding/nccl.ts';
import { loadNative } from '../load/load-native.ts';
import { type NcclCandidate, ncclCandidates } from './candidates.ts';
import { pythonFolders } from './python-folders.ts';

/** The oldest release of NCCL that arfuse uses. */
export const MIN_NCCL = '2.28.0';

/** Why one place gave no NCCL. */
export interface NcclFailure extends NcclCandidate {
  /** The loader's words, the version that is too old, or the function that is missing. */
  readonly message: string;
}

/** NCCL, where it came from, and what was tried before it. */
export interface OpenedNccl {
  readonly library: NativeNcclLibrary;
  readonly from: NcclCandidate;
  readonly failures: readonly NcclFailure[];
}

/** Where to look instead of the process's environment. */
export interface NcclOptions {
  /** The addon; by default the one that {@link loadNative} finds. */
  readonly binding?: NativeBinding;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folders of Python packages. */
  readonly folders?: readonly string[];
}

/** How many folders a message names. */
const NAMED_FOLDERS = 4;

function placesWithoutWheel(
  candidates: readonly NcclCandidate[],
  folders: readonly string[],
): string {
  if (candidates.some(({ id }) => id !== 'system')) return '';
  if (folders.length === 0) return '; there is no folder of Python packages';
  const more = folders.length > NAMED_FOLDERS ? `, … ${folders.length} in all` : '';
  return `; no wheel of it in ${folders.slice(0, NAMED_FOLDERS).join(', ')}${more}`;
}

/**
 * Opens NCCL from the first place that has one of 2.28 or newer: `ARFUSE_NCCL_PATH`, the system's loader, wheels in folders of
 * Python packages. What the user names is opened or refused, never passed over. Needs no GPU and opens no driver.
 *
 * Sets `NCCL_NVLS_ENABLE=0` (arfuse never uses NVLink multicast) and `NCCL_RUNTIME_CONNECT=0` in the process where the
 * environment says nothing.
 *
 * @throws NativeError that lists each place tried with its reason, and what to do
 */
export function openNccl(options: NcclOptions = {}): OpenedNccl {
  const env = options.env ?? process.env;
  const { NcclLibrary } = options.binding ?? loadNative().binding;
  if (!NcclLibrary) {
    throw new NativeError({
      message: 'the addon was built without CUDA: it cannot use NCCL.',
      hint: 'Run `arfuse native build`, or install the platform package.',
    });
  }
  const folders = options.folders ?? pythonFolders(env);
  const candidates = ncclCandidates(env, folders);
  const failures: NcclFailure[] = [];
  for (const candidate of candidates) {
    try {
      return { library: new NcclLibrary(candidate.path), from: candidate, failures };
    } catch (error) {
      failures.push({ ...candidate, message: (error as Error).message });
    }
  }
  const tried = failures.map(({ path, message }) =>
    // The loader's words begin with the file.
    message.startsWith(path) ? message : `${path}: ${message}`,
  );
  throw new NativeError({
    message: `no NCCL ${MIN_NCCL} or newer: ${tried.join('; ')}${placesWithoutWheel(candidates, folders)}.`,
    hint:
      candidates[0]?.id === 'environment'
        ? 'ARFUSE_NCCL_PATH names the file libnccl.so.2, or its folder; unset it to look elsewhere.'
        : 'Install it (`pip install nvidia-nccl-cu13`, or the package libnccl2 of the system), or name it by ARFUSE_NCCL_PATH.',
    details: { failures, folders },
  });
}
