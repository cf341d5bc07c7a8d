import type { MachineProbe, NvlinkStatus, ProbedGpu, TopologyLink } from '@arfuse/contract';

/** Names that CUDA gives boards, as `cudaGetDeviceProperties` and `nvidia-smi` write them. */
export function gpus(
  count: number,
  given: Partial<ProbedGpu> & { readonly nvlink?: boolean } = {},
): ProbedGpu[] {
  const { nvlink = true, ...rest } = given;
  const others = (own: number, value: boolean): boolean[] =>
    Array.from({ length: count }, (_, gpu) => gpu === own || value);
  return Array.from({ length: count }, (_, ordinal) => ({
    name: 'NVIDIA H200',
    capability: 90,
    memoryBytes: 150_000_000_000,
    multiprocessors: 132,
    pciBusId: `0000:${(0x18 + ordinal).toString(16)}:00.0`,
    uuid: `GPU-0000000${ordinal}-0000-0000-0000-000000000000`,
    peers: others(ordinal, true),
    peerAtomics: others(ordinal, nvlink),
    multicast: true,
    ...rest,
  }));
}

export const NV = (nvlinks: number): TopologyLink => ({ kind: 'nvlink', nvlinks });
export const SYS: TopologyLink = { kind: 'sys', nvlinks: 0 };

/** A matrix with one link between all, or what `link` says of a pair. */
export function matrix(
  count: number,
  link: (a: number, b: number) => TopologyLink,
): (TopologyLink | null)[][] {
  return Array.from({ length: count }, (_, a) =>
    Array.from({ length: count }, (_unused, b) => (a === b ? null : link(a, b))),
  );
}

/** What `nvidia-smi nvlink --status` says of GPUs with so many active links each. */
export const active = (list: readonly Pick<ProbedGpu, 'uuid'>[], links: number): NvlinkStatus => ({
  gpus: list.map(({ uuid }) => ({ uuid, active: links })),
});

/** A machine on which everything is as it should be, but for what is given. */
export function machine(
  devices: readonly ProbedGpu[],
  given: Partial<MachineProbe> = {},
): MachineProbe {
  return {
    system: {
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.1.0',
      arch: 'x64',
      glibc: '2.36',
      node: '20.20.2',
      napi: '9',
    },
    driver: '580.65.06',
    addon: {
      loaded: true,
      from: 'package',
      path: '@arfuse/native-linux-x64-cuda13/arfuse.node',
      abi: 3,
      cudaArchitectures: '80-real 89-real 90a-real 100f-real 120a-real',
      flashinferVersion: '0.7.2.post1',
      failures: [],
    },
    cuda: {
      driverVersion: 13000,
      runtimeVersion: 13000,
      error: null,
      devices,
      libcuda: '/usr/lib/x86_64-linux-gnu/libcuda.so.580.65.06',
    },
    nccl: { found: true, version: '2.28.9', path: '/usr/lib/libnccl.so.2', failures: [] },
    fault: null,
    topology: null,
    nvlink: null,
    ...given,
  };
}
