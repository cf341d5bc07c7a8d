export * from './binding.ts';
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
export { type BinaryCandidate, binaryCandidates } from './load/candidates.ts';
export {
  type LoadedNative,
  type LoadFailure,
  type LoadOptions,
  loadNative,
} from './load/load-native.ts';
