import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { NativeError } from '@arfuse/contract';
import { NATIVE_ABI, type NativeBinding } from '../binding.ts';
import { type BinaryCandidate, binaryCandidates } from './candidates.ts';

/** Why one place gave no addon. */
export interface LoadFailure {
  readonly id: BinaryCandidate['id'];
  readonly path: string;
  /** Node's own code (`MODULE_NOT_FOUND`, `ERR_DLOPEN_FAILED`) or `ABI`. */
  readonly code: string;
  readonly message: string;
}

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

/** Folder of this package, from its sources and from what is built of them alike. */
const packageFolder = (): string => dirname(require.resolve('@arfuse/native/package.json'));

function failureOf(candidate: BinaryCandidate, error: unknown): LoadFailure {
  const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
  return { id: candidate.id, path: candidate.path, code, message: message.split('\n')[0]! };
}

function wrongAbi(
  candidate: BinaryCandidate,
  binding: Partial<NativeBinding>,
): LoadFailure | undefined {
  if (binding.abi === NATIVE_ABI) return undefined;
  return {
    id: candidate.id,
    path: candidate.path,
    code: 'ABI',
    message: `it has ABI ${String(binding.abi)}, this @arfuse/native needs ${NATIVE_ABI}`,
  };
}

/**
 * Loads the addon from the first place that has one: `ARFUSE_NATIVE_BINARY`, the local build, the platform package. A
 * binary that the user names is loaded or refused, never passed over. Opens no driver.
 * @throws NativeError that lists each place tried with its reason
 */
export function loadNative(options: LoadOptions = {}): LoadedNative {
  const candidates = options.candidates ?? binaryCandidates(process.env, packageFolder());
  const failures: LoadFailure[] = [];
  for (const candidate of candidates) {
    try {
      const binding = require(candidate.path) as NativeBinding;
      const failure = wrongAbi(candidate, binding);
      if (!failure) return { binding, from: candidate, failures };
      failures.push(failure);
    } catch (error) {
      failures.push(failureOf(candidate, error));
    }
    if (candidate.id === 'environment') break;
  }
  throw new NativeError({
    message: `no native addon: ${failures.map(({ path, message }) => `${path}: ${message}`).join('; ')}.`,
    hint: 'Plans, `verify` and `run --backend reference` need none. For GPUs run `arfuse native build`, or install the platform package.',
    details: { failures },
  });
}
