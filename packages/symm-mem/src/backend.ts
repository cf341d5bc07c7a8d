import { type Backend, UsageError } from '@arfuse/contract';
import manifest from '../package.json' with { type: 'json' };
import { openSymmMem } from './execute.ts';
import { symmMemKernels } from './kernels.ts';

/** Settings of the backend. */
export interface SymmMemSettings {
  /** Most bytes that each rank may keep for the largest launch of a kernel. Default: 1 GiB. */
  readonly maxBufferBytes?: number;
  /**
   * Seed of random pauses between the kernels' accesses to flags, up to 60 µs each: for tests of the protocol under load.
   * From 1 to 2^31 - 1. Default: none.
   */
  readonly delays?: number;
}

/**
 * All-reduce over buffers that every rank maps: `@arfuse/symm-mem/one-shot`, `/two-shot` and, where multicast may
 * be used, `/multimem`. Each performs the all-reduce alone. Planning loads nothing; `open` launches through `@arfuse/native`.
 * @throws UsageError for a buffer limit that is no positive integer, or a seed out of range
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
  const { delays } = settings;
  if (delays !== undefined && !(Number.isInteger(delays) && delays >= 1 && delays < 2 ** 31)) {
    throw new UsageError({
      message: `createSymmMem: delays is ${String(delays)}.`,
      hint: 'Use a whole number from 1 to 2147483647, or leave it out.',
      details: { delays },
    });
  }
  return {
    specificationVersion: 1,
    name: '@arfuse/symm-mem',
    version: manifest.version,
    kernels: symmMemKernels(maxBufferBytes),
    open: (context) => openSymmMem(context, delays),
  };
}

/** {@link createSymmMem} with the default settings. */
export const symmMem = (): Backend => createSymmMem();
