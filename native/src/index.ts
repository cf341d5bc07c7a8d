export * from './binding/binding.ts';
export * from './binding/check.ts';
export * from './binding/dtypes.ts';
export * from './binding/exchange.ts';
export * from './binding/fusion.ts';
export * from './binding/nccl.ts';
export * from './binding/norm.ts';
export {
  buildNative,
  DEFAULT_ARCHITECTURES,
  type NativeBuild,
  type NativeBuildOptions,
} from './build/build-native.ts';
export {
  MIN_FLASHINFER,
  prepareToolchain,
  type Toolchain,
  type ToolchainOptions,
} from './build/toolchain.ts';
export {
  type CudaDeviceOptions,
  cudaBinding,
  openCudaDevice,
} from './device/cuda-device.ts';
export { openNativeKernels } from './kernels/native-kernels.ts';
export { normLaunch } from './kernels/norm-launch.ts';
export { type BinaryCandidate, binaryCandidates } from './load/candidates.ts';
export type { LoadFailure } from './load/load-failure.ts';
export { type LoadedNative, type LoadOptions, loadNative } from './load/load-native.ts';
export { type NcclCandidate, ncclCandidates } from './nccl/candidates.ts';
export {
  MIN_NCCL,
  type NcclFailure,
  type NcclOptions,
  type OpenedNccl,
  openNccl,
} from './nccl/open-nccl.ts';
export { type PythonRoots, pythonFolders } from './nccl/python-folders.ts';
export { type ProbeOptions, probeMachine } from './probe/probe-machine.ts';
