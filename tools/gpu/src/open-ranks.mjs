import { native } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { openCudaDevice } from '@arfuse/native';
import { createNccl } from '@arfuse/nccl';
import { createExecutor, LocalRanks, openLocalGroup } from '@arfuse/runtime';
import { symmMem } from '@arfuse/symm-mem';

/** Backends whose kernels the tests run. */
export const BACKENDS = [flashinfer(), symmMem(), createNccl(), native()];

/**
 * Executors of all ranks of a plan, which share the first GPU.
 *
 * @param {import('@arfuse/contract').Plan} plan
 * @param {Partial<import('@arfuse/runtime').ExecutorOptions>} [options]
 */
export async function openRanks(plan, options = {}) {
  const size = plan.groups[0]?.size ?? 1;
  const groups = await openLocalGroup({
    devices: Array.from({ length: size }, () => 0),
    ranksPerDevice: size,
  });
  const device = openCudaDevice(0);
  const executors = await Promise.all(
    groups.map((group) =>
      createExecutor(plan, group, { device, backends: BACKENDS, ranksPerDevice: size, ...options }),
    ),
  );
  const ranks = new LocalRanks(executors);
  return {
    ranks,
    close: async () => {
      await ranks.close();
      await Promise.all(groups.map((group) => group.close()));
    },
  };
}
