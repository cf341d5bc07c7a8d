import { type Backend, UsageError } from '@arfuse/contract';
import manifest from '../package.json' with { type: 'json' };
import { openFlashInfer } from './execute/open.ts';
import { fusionKernel } from './kernel.ts';

/** Settings of the backend. */
export interface FlashInferSettings {
  /**
   * Programmatic dependent launch: the kernel may start while the one before it ends. Needs FlashInfer
   * ≥ 0.7.1, in which it waits before it reads the residual. Default: false.
   */
  readonly pdl?: boolean;
  /** Largest workspace that each rank may keep for one kernel, bytes. Default: no limit but the kernel's own. */
  readonly maxWorkspaceBytes?: number;
}

/**
 * FlashInfer's multicast-free ("trtllm") fusion kernels: `@arfuse/flashinfer/one-shot` and `/two-shot`.
 * They perform the all-reduce alone, or with the residual add, the RMSNorm and the quantiser.
 * Planning loads nothing; `open` launches through `@arfuse/native`, built with FlashInfer's headers.
 * @throws UsageError for a workspace limit that is no positive integer
 */
export function createFlashInfer(settings: FlashInferSettings = {}): Backend {
  const { pdl = false, maxWorkspaceBytes } = settings;
  if (
    maxWorkspaceBytes !== undefined &&
    !(Number.isSafeInteger(maxWorkspaceBytes) && maxWorkspaceBytes > 0)
  ) {
    throw new UsageError({
      message: `createFlashInfer: maxWorkspaceBytes is ${String(maxWorkspaceBytes)}.`,
      hint: 'Use a positive integer, in bytes, or leave it out.',
      details: { maxWorkspaceBytes },
    });
  }
  const options = { pdl, maxWorkspaceBytes };
  return {
    specificationVersion: 1,
    name: '@arfuse/flashinfer',
    version: manifest.version,
    kernels: [fusionKernel('one-shot', options), fusionKernel('two-shot', options)],
    open: openFlashInfer,
  };
}

/** {@link createFlashInfer} with the default settings. */
export const flashinfer = (): Backend => createFlashInfer();
