import { type Backend, UsageError } from '@arfuse/contract';
import manifest from '../package.json' with { type: 'json' };
import { openSymmMem } from './execute.ts';
import { symmMemKernels } from './kernels.ts';

/** Settings of the backend. */
export interface SymmMemSettings {
  /** Largest buffer that each rank may keep, bytes. Default: 1 GiB. */
  readonly maxBufferBytes?: number;
}

/**
 * All-reduce over buffers that every rank maps: `@arfuse/symm-mem/one-shot`, `/two-shot` and, where multicast may
 * be used, `/multimem`. Each performs the all-reduce alone. Planning loads nothing; `open` launches through `@arfuse/native`.
 * @throws UsageError for a buffer limit that is no positive integer
 */
export function createSymmMem(settings: SymmMemSettings = {}): Backend {
  const maxBufferBytes = settings.maxBufferBytes ?? 2 ** 30;
  if (!Number.isSafeInteger(maxBufferBytes) || maxBufferBytes <= 0) {
    throw new UsageError({
      message: `createSymmMem: maxBufferBytes is ${String(maxBufferBytes)}.`,
      hint: 'Use a positive integer, in bytes.',
      details: { maxBufferBytes },
    });
  }
  return {
    specificationVersion: 1,
    name: '@arfuse/symm-mem',
    version: manifest.version,
    kernels: symmMemKernels(maxBufferBytes),
    open: openSymmMem,
  };
}

/** {@link createSymmMem} with the default settings. */
export const symmMem = (): Backend => createSymmMem();
