import { UnsupportedError } from '@arfuse/contract';
import { expect, it } from 'vitest';
import { mapMemory, shareMemory } from '../src/device/shared-memory.ts';
import type { CudaBinding, NativeDeviceMemory } from '../src/index.ts';

const HANDLE = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
const memory = { address: 0x7f12_3456_7800n, ipcHandle: () => HANDLE } as NativeDeviceMemory;

/** Maps bytes on a device, and says how. */
function mapped(shared: Uint8Array, ordinal: number): unknown[] {
  const calls: unknown[] = [];
  const binding = {
    enablePeerAccess: (...given: unknown[]) => calls.push(['reach', ...given]),
    DeviceMemory: class {
      constructor(...given: unknown[]) {
        calls.push(['view', ...given]);
      }
    },
    PeerMemory: class {
      constructor(device: number, handle: Uint8Array, bytes: number) {
        calls.push(['open', device, [...handle], bytes]);
      }
    },
  };
  mapMemory(binding as unknown as CudaBinding, ordinal, shared, 4096);
  return calls;
}

/** The bytes with one changed. */
function changed(shared: Uint8Array, at: number): Uint8Array {
  const copy = shared.slice();
  copy[at]! ^= 1;
  return copy;
}

const HOST = 0;
const PROCESS = 16;

it('is one number of bytes, whatever it describes', () => {
  expect(shareMemory(0, memory)).toHaveLength(shareMemory(4095, memory).length);
});

it('maps by the address within a process, and lets another device reach it first', () => {
  const shared = shareMemory(1, memory);
  expect(mapped(shared, 1)).toEqual([['view', 1, 4096, memory.address]]);
  expect(mapped(shared, 0)).toEqual([
    ['reach', 0, 1],
    ['view', 0, 4096, memory.address],
  ]);
});

it('maps by the handle in another process', () => {
  const shared = changed(shareMemory(1, memory), PROCESS);
  expect(mapped(shared, 0)).toEqual([['open', 0, [...HANDLE], 4096]]);
});

it('refuses another host by its name', () => {
  const shared = Buffer.from(changed(shareMemory(1, memory), HOST));
  shared.fill(0, 108).write('gpu-host-7', 108);
  expect(() => mapped(shared, 0)).toThrow(UnsupportedError);
  expect(() => mapped(shared, 0)).toThrow('memory of host "gpu-host-7" cannot be mapped');
});
