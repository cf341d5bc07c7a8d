import type {
  CudaReport,
  DeviceEvent,
  DeviceLaunch,
  DeviceMemory,
  DevicePlace,
  DeviceStream,
  PinnedMemory,
  ProbedGpu,
} from '@arfuse/contract';
import type { NativeCheck } from './check.ts';
import type { NativeDtype, NativeFormat } from './dtypes.ts';
import type { NativeAddLaunch, NativeExchangeFunctions, NativeExchangeLaunch } from './exchange.ts';
import type { NativeFusionFunctions, NativeFusionLaunch } from './fusion.ts';
import type { NativeAllReduceLaunch, NativeNcclCommunicator, NativeNcclLibrary } from './nccl.ts';
import type { NativeNormLaunch } from './norm.ts';

/** Number that the loader and the addon must share; raised when the addon's functions change. */
export const NATIVE_ABI = 7;

/** The kernels' arithmetic, compiled for the host from the same source as for the GPU. */
export interface NativeArithmetic {
  /** Codes of float32 values, rounded to nearest even (UE8M0: up to a power of two). */
  encode(format: NativeFormat, values: Float32Array, codes: NodeJS.TypedArray): void;
  decode(format: NativeFormat, codes: NodeJS.TypedArray, values: Float32Array): void;
  /** Sum of `elements` elements over the ranks, in rank order; `rounds` rounds the running sum at every rank. */
  allReduce(launch: {
    readonly dtype: NativeDtype;
    readonly elements: number;
    readonly rounds: boolean;
    readonly partials: readonly NodeJS.TypedArray[];
    readonly out: NodeJS.TypedArray;
  }): void;
  norm(launch: NativeNormLaunch): void;
}

/** One GPU as the CUDA runtime describes it. */
export type NativeDevice = ProbedGpu;

/** What the CUDA runtime sees. */
export type NativeDeviceReport = CudaReport;

/** Memory of one device. */
export interface NativeDeviceMemory extends DeviceMemory {
  /** 64 bytes under which other processes of this host map it, as {@link NativeBinding.PeerMemory}; not of a view. */
  ipcHandle(): Uint8Array;
}

/** The same launch with places in device memory where arrays were. */
export type OnDevice<T> = T extends NodeJS.TypedArray
  ? DevicePlace
  : T extends object
    ? { readonly [K in keyof T]: OnDevice<T[K]> }
    : T;

/** Copies and launches in order, on one device. */
export interface NativeStream extends DeviceStream {
  norm(launch: OnDevice<NativeNormLaunch>): void;
  /** Enqueues a prepared launch `count` times from a loop of its own; host time of all in nanoseconds, for comparison. */
  timeEnqueue(launch: DeviceLaunch, rows: number, count: number): number;
}

/** What the addon exports. What needs CUDA is absent from an addon without kernels. */
export interface NativeBinding {
  readonly abi: number;
  readonly arithmetic: NativeArithmetic;
  /** Architectures that its kernels are compiled for, as CMake writes them; null for an addon without kernels. */
  readonly cudaArchitectures: string | null;
  /** Opens the driver. */
  devices?(): NativeDeviceReport;
  /** Loads every kernel onto a device: a first launch would block behind a kernel that spins. */
  loadKernels?(device: number): void;
  /** With an address: a view of memory that another part of the process owns. */
  readonly DeviceMemory?: new (
    device: number,
    bytes: number,
    address?: bigint,
  ) => NativeDeviceMemory;
  /** Another process's memory, until `close()`. */
  readonly PeerMemory?: new (
    device: number,
    handle: Uint8Array,
    bytes: number,
  ) => DeviceMemory;
  readonly PinnedMemory?: new (bytes: number) => PinnedMemory;
  readonly Event?: new (device: number) => DeviceEvent;
  /** With a handle: around a `cudaStream_t` that another part of the process owns. */
  readonly Stream?: new (
    device: number,
    handle?: bigint,
  ) => NativeStream;
  /** The device's kernels do not end: from now on nothing of it is freed, since that would wait for them. */
  abandon?(device: number): void;
  /** Lets kernels of a device reach a peer's memory in this process. */
  enablePeerAccess?(device: number, peer: number): void;
  /** A norm over device memory; `rows` of the launch is the most it will be enqueued for. */
  prepareNorm?(device: number, launch: OnDevice<NativeNormLaunch>): DeviceLaunch;
  prepareAdd?(device: number, launch: NativeAddLaunch): DeviceLaunch;
  /** Of conformance: made-up codes, and comparisons on the device. */
  readonly check: NativeCheck;
  /** The pure functions of exchanges, in every addon. */
  readonly exchange: NativeExchangeFunctions;
  prepareExchange?(device: number, launch: NativeExchangeLaunch): DeviceLaunch;
  /** The pure functions of FlashInfer's fused launches, in every addon. */
  readonly fusion: NativeFusionFunctions;
  /** Version of FlashInfer whose kernels are compiled in; null without them, and then there is no `prepareFusion`. */
  readonly flashinferVersion: string | null;
  prepareFusion?(device: number, launch: NativeFusionLaunch): DeviceLaunch;
  /** Opens NCCL by a file, or by a name that the system's loader looks for; throws the reason. */
  readonly NcclLibrary?: new (
    path: string,
  ) => NativeNcclLibrary;
  readonly NcclCommunicator?: new (
    library: NativeNcclLibrary,
    device: number,
  ) => NativeNcclCommunicator;
  prepareAllReduce?(device: number, launch: NativeAllReduceLaunch): DeviceLaunch;
}

/** An addon with kernels: what is optional in {@link NativeBinding} is there. */
export type CudaBinding = Required<NativeBinding>;
