import { type Device, NativeError } from '@arfuse/contract';
import type { CudaBinding, NativeBinding, NativeDeviceMemory } from '../binding/binding.ts';
import { loadNative } from '../load/load-native.ts';
import { mapMemory, shareMemory } from './shared-memory.ts';

/** How a CUDA device is opened. */
export interface CudaDeviceOptions {
  /** The addon; by default the one that {@link loadNative} finds. */
  readonly binding?: NativeBinding;
}

/**
 * The addon behind a device.
 * @throws NativeError for a device that simulates, or an addon without kernels
 */
export function cudaBinding(device: Device): CudaBinding {
  const binding = device.native as NativeBinding | undefined;
  if (device.kind === 'cuda' && binding?.prepareNorm) return binding as CudaBinding;
  throw new NativeError({
    message: `device ${device.ordinal} is ${device.kind === 'cuda' ? 'of an addon without kernels' : 'no GPU'}.`,
    hint: 'Open it by openCudaDevice() with an addon that has CUDA kernels.',
  });
}

/**
 * Opens a GPU by its ordinal. Opens the driver.
 * @throws NativeError when there is no addon, no driver, no such GPU, or the addon has no kernels for it
 */
export function openCudaDevice(ordinal: number, options: CudaDeviceOptions = {}): Device {
  const loaded = (options.binding ?? loadNative().binding) as CudaBinding;
  if (loaded.cudaArchitectures === null) {
    throw new NativeError({
      message: 'the addon was built without CUDA: it computes on the host only.',
      hint: 'Run `arfuse native build`, or install the platform package.',
    });
  }
  const report = loaded.devices();
  const facts = report.devices[ordinal];
  if (!facts) {
    throw new NativeError({
      message:
        report.error === null
          ? `there is no GPU ${ordinal}; CUDA lists ${report.devices.length}.`
          : `CUDA cannot list GPUs: ${report.error}.`,
      hint: '`arfuse doctor` says what is missing.',
      details: { ordinal, error: report.error, driverVersion: report.driverVersion },
    });
  }
  const view = (address: bigint, bytes: number): NativeDeviceMemory =>
    new loaded.DeviceMemory(ordinal, bytes, address);
  return {
    kind: 'cuda',
    ordinal,
    native: loaded,
    facts: {
      device: facts.name,
      capability: String(facts.capability),
      driver: String(report.driverVersion),
      cuda: String(report.runtimeVersion),
    },
    allocate: (bytes) => new loaded.DeviceMemory(ordinal, bytes),
    view,
    pinned: (bytes) => new loaded.PinnedMemory(bytes),
    createStream: () => new loaded.Stream(ordinal),
    viewStream: (handle) => new loaded.Stream(ordinal, handle),
    createEvent: () => new loaded.Event(ordinal),
    share: (memory) => shareMemory(ordinal, memory as NativeDeviceMemory),
    map: (shared, bytes) => mapMemory(loaded, ordinal, shared, bytes),
    load: () => loaded.loadKernels(ordinal),
    abandon: () => loaded.abandon(ordinal),
  };
}
