import { deviceChecking } from '@arfuse/conformance';
import { openCudaDevice } from '@arfuse/native';
import { expectPool } from './expect-pool.mjs';
import { BACKENDS } from './open-ranks.mjs';

/** Kernels in which ranks meet, and which run in one process. */
export const COLLECTIVES = [
  '@arfuse/flashinfer/one-shot',
  '@arfuse/flashinfer/two-shot',
  '@arfuse/symm-mem/one-shot',
  '@arfuse/symm-mem/two-shot',
];

/** The shapes that conformance is proved in. */
export const FULL = {
  dtypes: /** @type {const} */ (['bf16', 'f16', 'f32']),
  sizes: [2, 4, 8],
  hidden: [1024, 2560, 2880, 4096, 7168, 8192],
  tokens: [1, 2, 3, 7, 16, 63, 64, 129, 512, 2048],
};

/** A part of them, for a first look. */
export const QUICK = {
  dtypes: /** @type {const} */ (['bf16']),
  sizes: [2, 4],
  hidden: [1024, 2880],
  tokens: [1, 7, 64, 129],
};

/** Those that sites run in behind producers, each many times. */
export const PRODUCERS = {
  dtypes: /** @type {const} */ (['bf16']),
  sizes: [2, 4, 8],
  hidden: [2880, 8192],
  tokens: [1, 16, 129],
};

/** Kernels that add squares in the reference's own order. */
export const exact = (/** @type {string} */ kernel) => /^@arfuse\/(symm-mem|native)\//.test(kernel);

/**
 * Ranks that share the first GPU: made and judged by kernels, expected by the host's threads.
 *
 * @param {import('@arfuse/native').NativeBinding} binding
 */
export function sharedGpu(binding) {
  const device = openCudaDevice(0, { binding });
  const { checker, close } = deviceChecking(device);
  const pool = expectPool(binding);
  return {
    devices: (/** @type {number} */ size) => Array.from({ length: size }, () => device),
    checker,
    expect: pool.expect,
    ahead: pool.ahead,
    exact,
    close: async () => {
      close();
      await pool.close();
    },
  };
}

/** Versions of what a result was made with. @param {import('@arfuse/native').NativeBinding} binding */
export function versions(binding) {
  return {
    flashinfer: binding.flashinferVersion,
    backends: BACKENDS.map(({ name, version }) => `${name} ${version}`),
  };
}
