import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { type DeviceMemory, UnsupportedError } from '@arfuse/contract';
import type { CudaBinding, NativeDeviceMemory } from '../binding/binding.ts';

const NAME_BYTES = 64;

/** Bytes that describe shared memory: host and process, device, address, CUDA IPC handle, and the host's name for people. */
const SHARED = {
  host: 0,
  process: 16,
  device: 32,
  address: 36,
  handle: 44,
  name: 108,
  bytes: 108 + NAME_BYTES,
} as const;

/** What a file of the system says; nothing where there is none. */
function factOf(read: (path: string) => string, path: string): string {
  try {
    return read(path).trim();
  } catch {
    return '';
  }
}

const digest = (text: string): Buffer =>
  createHash('sha256')
    .update(text)
    .digest()
    .subarray(0, SHARED.process - SHARED.host);

/**
 * The running host and process in bytes. Two hosts may share a name, and containers of one host have other names and number
 * their processes anew: the boot and the namespace of process numbers tell them apart.
 */
function ownerBytes(): Buffer {
  const boot = factOf((path) => readFileSync(path, 'utf8'), '/proc/sys/kernel/random/boot_id');
  const namespace = factOf(readlinkSync, '/proc/self/ns/pid');
  return Buffer.concat([
    digest(boot || hostname()),
    digest(`${namespace} ${namespace ? '' : hostname()} ${process.pid}`),
  ]);
}

/** What another rank needs to map memory of a device. */
export function shareMemory(ordinal: number, memory: NativeDeviceMemory): Uint8Array {
  const bytes = Buffer.alloc(SHARED.bytes);
  ownerBytes().copy(bytes);
  bytes.writeUInt32BE(ordinal, SHARED.device);
  bytes.writeBigUInt64BE(memory.address, SHARED.address);
  bytes.set(memory.ipcHandle(), SHARED.handle);
  bytes.write(hostname(), SHARED.name, NAME_BYTES);
  return bytes;
}

/**
 * Maps what another rank shared: by its address within the process, by its handle within the host.
 * @throws UnsupportedError for memory of another host; CUDA's own failure for a GPU that does not reach it
 */
export function mapMemory(
  binding: CudaBinding,
  ordinal: number,
  shared: Uint8Array,
  bytes: number,
): DeviceMemory {
  const from = Buffer.from(shared);
  const own = ownerBytes();
  const host = from.subarray(SHARED.host, SHARED.process);
  if (!host.equals(own.subarray(SHARED.host, SHARED.process))) {
    const name = from.subarray(SHARED.name).toString().replace(/\0.*$/s, '');
    throw new UnsupportedError({
      message: `memory of host "${name}" cannot be mapped on "${hostname()}": kernels reach their peers' memory on one host only.`,
      hint: 'Plan groups that span hosts with nodes= in the target: they run through NCCL.',
      details: { host: name },
    });
  }
  if (!from.subarray(SHARED.host, SHARED.device).equals(own)) {
    const handle = from.subarray(SHARED.handle, SHARED.name);
    return new binding.PeerMemory(ordinal, handle, bytes);
  }
  const peer = from.readUInt32BE(SHARED.device);
  if (peer !== ordinal) binding.enablePeerAccess(ordinal, peer);
  return new binding.DeviceMemory(ordinal, bytes, from.readBigUInt64BE(SHARED.address));
}
