import { checkProducers, formatProducerReport } from '@arfuse/conformance';
import { native } from '@arfuse/core';
import { createFlashInfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { overlapCheck } from './overlap-check.mjs';

/**
 * Sites right behind kernels that write what they read: FlashInfer's with PDL on first, which is what has to be decided, then all
 * kernels with it off.
 *
 * @param {Omit<import('@arfuse/conformance').ProducerOptions, 'backends'> &
 *   { kernels: readonly string[], seed: number, binding: Required<import('@arfuse/native').NativeBinding> }} given
 */
export async function runProducers({ binding, ...given }) {
  const overlap = await overlapCheck(binding, given.seed);
  for (const fault of overlap) console.log(fault);
  console.log(`a read that does not wait ${overlap.length === 0 ? 'is' : 'is not'} seen`);
  const runs = [];
  for (const pdl of [true, false]) {
    const kernels = given.kernels.filter(
      (kernel) => !pdl || kernel.startsWith('@arfuse/flashinfer/'),
    );
    if (kernels.length === 0) continue;
    const report = await checkProducers({
      ...given,
      kernels,
      backends: [createFlashInfer({ pdl }), symmMem(), native()],
    });
    console.log(formatProducerReport(report));
    runs.push({ pdl, ...report });
  }
  const wrong = runs.some(({ kernels }) => kernels.some(({ faulty }) => faulty > 0));
  return {
    // What the time did not reach is not complete, and nothing is wrong with it.
    passed: overlap.length === 0 && !wrong && runs.some(({ passed }) => passed),
    complete: runs.every(({ complete }) => complete),
    dtypes: given.dtypes,
    sizes: given.sizes,
    hidden: given.hidden,
    tokens: given.tokens,
    overlap,
    runs,
  };
}
