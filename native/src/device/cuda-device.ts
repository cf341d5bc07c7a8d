import { hostname } from 'node:os';
import { type Device, NativeError, UnsupportedError } from '@arfuse/contract';
import type { NativeBinding, NativeDeviceMemory } from '../binding.ts';
import { loadNative } from '../load/load-native.ts';

/** An addon with kernels: what is optional in {@link NativeBinding} is there. */
export type CudaBinding = Required<NativeBinding>;

/** How a CUDA device is opened. */
export interface CudaDeviceOptions {
  /** The addon; by default the one that {@link loadNative} finds. */
  readonly binding?: NativeBinding;
}

/** Bytes that describe shared memory: host and process, device, address, CUDA IPC handle. */
const SHARED = { owner: 0, device: 32, address: 36, handle: 44, bytes: 108 } as const;

/** A process of a host, in 32 bytes. */
function ownerBytes(): Buffer {
  const owner = Buffer.alloc(32);
  owner.writeUInt32BE(process.pid);
  owner.write(hostname().slice(-28), 4);
  return owner;
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
    share(memory) {
      const bytes = Buffer.alloc(SHARED.bytes);
      ownerBytes().copy(bytes);
      bytes.writeUInt32BE(ordinal, SHARED.device);
      bytes.writeBigUInt64BE(memory.address, SHARED.address);
      bytes.set((memory as NativeDeviceMemory).ipcHandle(), SHARED.handle);
      return bytes;
    },
    map(shared, bytes) {
      const from = Buffer.from(shared);
      const owner = from.subarray(SHARED.owner, SHARED.device);
      const own = ownerBytes();
      if (!owner.subarray(4).equals(own.subarray(4))) {
        const host = owner.subarray(4).toString().replace(/\0.*/, '');
        throw new UnsupportedError({
          message: `memory of host "${host}" cannot be mapped here: kernels reach their peers' memory on one host only.`,
          hint: 'Plan groups that span hosts with nodes= in the target: they run through NCCL.',
          details: { host },
        });
      }
      const peer = from.readUInt32BE(SHARED.device);
      if (!owner.equals(own))
        return new loaded.PeerMemory(ordinal, from.subarray(SHARED.handle), bytes);
      if (peer !== ordinal) loaded.enablePeerAccess(ordinal, peer);
      return view(from.readBigUInt64BE(SHARED.address), bytes);
    },
    load: () => loaded.loadKernels(ordinal),
  };
}
