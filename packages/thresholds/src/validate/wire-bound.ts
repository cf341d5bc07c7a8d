import type { TableKey } from '@arfuse/contract';

/** How a collective moves its data, as far as its wire bytes depend on it. */
export type WireAlgorithm = 'one-shot' | 'two-shot' | 'nvls' | 'fp8-two-shot';

/**
 * Bytes that enter each GPU in an all-reduce of `bytes` bytes over `groupSize` ranks: one-shot `(N−1)S`, two-shot
 * `2(N−1)/N·S`, NVLS `(1+1/N)S`, two-shot with an FP8 wire the two-shot bytes divided by the element size (scales are
 * left out, so that it stays a lower bound).
 */
export function wireBytes(
  algorithm: WireAlgorithm,
  bytes: number,
  groupSize: number,
  itemsize: number,
): number {
  const twoShot = ((2 * (groupSize - 1)) / groupSize) * bytes;
  switch (algorithm) {
    case 'one-shot':
      return (groupSize - 1) * bytes;
    case 'two-shot':
      return twoShot;
    case 'nvls':
      return (1 + 1 / groupSize) * bytes;
    case 'fp8-two-shot':
      return twoShot / itemsize;
  }
}

/** Nominal NVLink rate per direction and GPU in GB/s by compute capability: NVLink 3, 4 and 5. */
const NVLINK_GBPS: Readonly<Record<number, number>> = { 80: 300, 90: 450, 100: 900, 103: 900 };

/** PCIe 5.0 x16, per direction. */
const PCIE_GBPS = 64;

/** Nominal rate of a GPU's link, GB/s per direction; undefined where it is not known. */
export function linkRate(key: TableKey): number | undefined {
  if (key.interconnect === 'pcie') return PCIE_GBPS;
  if (key.interconnect === 'none') return undefined;
  return NVLINK_GBPS[key.capability];
}

/** Algorithm of a kernel by its id; NCCL and kernels without a tell-tale name get the one that moves least. */
export function wireAlgorithm(kernel: string, key: TableKey): WireAlgorithm {
  const name = kernel.slice(kernel.lastIndexOf('/') + 1);
  if (/multimem|nvls/.test(name)) return 'nvls';
  if (/fp8|quantized/.test(name)) return 'fp8-two-shot';
  if (/one[-_](shot|stage)/.test(name)) return 'one-shot';
  if (/two[-_](shot|stage)/.test(name)) return 'two-shot';
  return key.multicast !== false && key.groupSize > 2 ? 'nvls' : 'two-shot';
}

/** Microseconds below which a kernel cannot be at this size, or undefined where the link's rate is not known. */
export function wireBoundUs(
  kernel: string,
  key: TableKey,
  bytes: number,
  itemsize: number,
): number | undefined {
  const rate = linkRate(key);
  if (rate === undefined || key.groupSize < 2) return undefined;
  return wireBytes(wireAlgorithm(kernel, key), bytes, key.groupSize, itemsize) / (rate * 1000);
}
