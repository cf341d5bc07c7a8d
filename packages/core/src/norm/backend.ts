import type { Backend } from '@arfuse/contract';
import manifest from '../../package.json' with { type: 'json' };
import { importNative } from '../execute/load-native.ts';
import { addPartials } from './add-partials.ts';
import { norm } from './norm.ts';

/**
 * arfuse's own kernels for what stands around an all-reduce. They follow the site's numerics exactly, so with a plain
 * all-reduce they are the unfused competitor of every fused kernel, and perform what fused kernels lack.
 */
export function native(): Backend {
  return {
    specificationVersion: 1,
    name: '@arfuse/native',
    version: manifest.version,
    kernels: [norm, addPartials],
    open: async (context) => (await importNative()).openNativeKernels(context),
  };
}
