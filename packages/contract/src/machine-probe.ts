/** One GPU as the CUDA runtime describes it. */
export interface ProbedGpu {
  readonly name: string;
  /** Compute capability times 10. */
  readonly capability: number;
  readonly memoryBytes: number;
  readonly multiprocessors: number;
  readonly pciBusId: string;
  /** As NVIDIA's tools write it, `GPU-…`; a MIG instance has one of its own. */
  readonly uuid: string;
  /** Whether each device, itself included, can be read and written from this one. */
  readonly peers: readonly boolean[];
  /** Whether atomic operations work on each device's memory, as over NVLink; over PCIe they do not. */
  readonly peerAtomics: readonly boolean[];
  /** Whether the GPU can join NVLink multicast, which arfuse never uses; null when the driver does not say. */
  readonly multicast: boolean | null;
}

/** What the CUDA runtime sees. */
export interface CudaReport {
  /** As CUDA writes versions: 13000 for 13.0; 0 without a driver. */
  readonly driverVersion: number;
  readonly runtimeVersion: number;
  /** The runtime's own words when devices cannot be listed. */
  readonly error: string | null;
  readonly devices: readonly ProbedGpu[];
}

/** What the child does, in this order. */
export type ProbePhase = 'addon' | 'cuda' | 'nccl';

/** One place where something was looked for in vain. */
export interface ProbedPlace {
  readonly path: string;
  readonly message: string;
}

/** The addon that was loaded, or why none was. */
export type AddonProbe =
  | {
      readonly loaded: true;
      /** `environment` (`ARFUSE_NATIVE_BINARY`), `local` (a source build) or `package`. */
      readonly from: string;
      readonly path: string;
      readonly abi: number;
      /** As CMake writes them; null for an addon without kernels. */
      readonly cudaArchitectures: string | null;
      /** Release of the FlashInfer headers whose kernels it holds; null where it holds none. */
      readonly flashinferVersion: string | null;
      /** Places before it, with their reasons. */
      readonly failures: readonly ProbedPlace[];
    }
  | { readonly loaded: false; readonly message: string; readonly failures: readonly ProbedPlace[] };

/** What CUDA sees, with the driver's library that answered. */
export interface CudaProbe extends CudaReport {
  /** Where `libcuda` was loaded from; null when it was not. */
  readonly libcuda: string | null;
}

/** NCCL, or why there is none. */
export type NcclProbe =
  | {
      readonly found: true;
      readonly version: string;
      readonly path: string;
      readonly failures: readonly ProbedPlace[];
    }
  | { readonly found: false; readonly message: string; readonly failures: readonly ProbedPlace[] };

/** How the child ended before it had told everything. */
export interface ProbeFault {
  readonly phase: ProbePhase;
  /** The signal that ended it; null when it ended by itself. */
  readonly signal: string | null;
  readonly exitCode: number | null;
  /** It was ended since it took too long. */
  readonly timedOut: boolean;
  /** The last lines that it wrote to standard error. */
  readonly stderr: string;
}

/** The operating system and Node. */
export interface SystemProbe {
  readonly os: string;
  readonly kernel: string;
  readonly arch: string;
  /** Null where there is another C library. */
  readonly glibc: string | null;
  readonly node: string;
  readonly napi: string;
}

/** How two GPUs are joined, as `nvidia-smi topo` writes it. */
export type LinkKind = 'nvlink' | 'pix' | 'pxb' | 'phb' | 'node' | 'sys';

/** The way from one GPU to another. */
export interface TopologyLink {
  readonly kind: LinkKind;
  /** NVLinks between the two; 0 for other kinds. */
  readonly nvlinks: number;
}

/** The matrix of `nvidia-smi topo -m`: by row and column GPU, null on the diagonal. */
export interface Topology {
  readonly links: readonly (readonly (TopologyLink | null)[])[];
}

/** What `nvidia-smi nvlink --status` says of each GPU, in its order, which is that of the topology. */
export interface NvlinkStatus {
  readonly gpus: readonly {
    readonly uuid: string;
    /** Links with a speed. */
    readonly active: number;
  }[];
}

/** What a machine has, as far as it could be told; what could not is null, and `fault` says why. */
export interface MachineProbe {
  readonly system: SystemProbe;
  /** Version of the kernel's driver, e.g. `580.159.03`; null without one. */
  readonly driver: string | null;
  readonly addon: AddonProbe | null;
  readonly cuda: CudaProbe | null;
  readonly nccl: NcclProbe | null;
  readonly fault: ProbeFault | null;
  /** What `nvidia-smi` says of the links; null where it is not there or says nothing that is known. */
  readonly topology: Topology | null;
  readonly nvlink: NvlinkStatus | null;
}
