import { createFlashInfer } from '@arfuse/flashinfer';
import { createNccl, releasesWindows } from '@arfuse/nccl';
import { symmMem } from '@arfuse/symm-mem';

/** Collective kernels by what opens them together: a family that does not open says nothing about the others. */
export const FAMILIES = [
  {
    backend: createFlashInfer(),
    kernels: ['@arfuse/flashinfer/one-shot', '@arfuse/flashinfer/two-shot'],
  },
  { backend: symmMem(), kernels: ['@arfuse/symm-mem/one-shot', '@arfuse/symm-mem/two-shot'] },
  { backend: createNccl(), kernels: ['@arfuse/nccl/all-reduce'] },
  { backend: createNccl(), kernels: ['@arfuse/nccl/all-reduce-symmetric'] },
];

export const KERNELS = FAMILIES.flatMap(({ kernels }) => kernels);

/** The families with those of their kernels that are asked for. @param {readonly string[]} asked */
export const familiesOf = (asked) =>
  FAMILIES.map((family) => ({
    ...family,
    kernels: family.kernels.filter((kernel) => asked.includes(kernel)),
  })).filter(({ kernels }) => kernels.length > 0);

/**
 * Whether kernels of it that wait for a rank cannot be released, so that their processes have to end.
 *
 * @param {string} kernel
 * @param {string} nccl NCCL's release
 */
export const staysHeld = (kernel, nccl) =>
  kernel === '@arfuse/nccl/all-reduce-symmetric' && !releasesWindows(nccl);
