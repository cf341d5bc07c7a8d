import { native } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { openCudaDevice } from '@arfuse/native';
import { createNccl } from '@arfuse/nccl';
import { createExecutor, LocalRanks, openLocalGroup } from '@arfuse/runtime';
import { symmMem } from '@arfuse/symm-mem';

/** Backends whose kernels the tests run. */
export const BACKENDS = [flashinfer(), symmMem(), createNccl(), native()];

/**
 * Executors of all ranks of a plan.
 *
 * @param {import('@arfuse/contract').Plan} plan
 * @param {Partial<import('@arfuse/runtime').ExecutorOptions> & { ordinals?: readonly number[] }} [options] `ordinals`: GPUs by
 *   rank. Default: all ranks share the first one
 */
export async function openRanks(plan, { ordinals, ...options } = {}) {
  const size = plan.groups[0]?.size ?? 1;
  const devicesOf = ordinals ?? Array.from({ length: size }, () => 0);
  const ranksPerDevice = Math.max(
    ...devicesOf.map((one) => devicesOf.filter((other) => other === one).length),
  );
  const groups = await openLocalGroup({ devices: devicesOf, ranksPerDevice });
  const opened = new Map(
    [...new Set(devicesOf)].map((ordinal) => [ordinal, openCudaDevice(ordinal)]),
  );
  const devices = devicesOf.map(
    (ordinal) => /** @type {import('@arfuse/contract').Device} */ (opened.get(ordinal)),
  );
  const streams = devices.map((device) => device.createStream());
  const executors = await Promise.all(
    groups.map((group, rank) =>
      createExecutor(plan, group, {
        device: /** @type {import('@arfuse/contract').Device} */ (devices[rank]),
        stream: /** @type {import('@arfuse/contract').DeviceStream} */ (streams[rank]),
        backends: BACKENDS,
        ranksPerDevice,
        ...options,
      }),
    ),
  );
  const ranks = new LocalRanks(executors);
  return {
    ranks,
    devices,
    streams,
    close: async () => {
      await ranks.close();
      await Promise.all(groups.map((group) => group.close()));
    },
  };
}
