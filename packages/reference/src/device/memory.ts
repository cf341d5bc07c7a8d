import { DeviceError, type DeviceMemory, type DevicePlace } from '@arfuse/contract';

/** Distance between allocations, as CUDA aligns them. */
const ALIGNMENT = 256;

/** Host bytes that stand for device memory. */
export class ReferenceMemory implements DeviceMemory {
  readonly bytes: number;
  readonly address: bigint;
  readonly #freed: () => void;
  #data: Uint8Array | undefined;

  constructor(address: bigint, data: Uint8Array, freed: () => void = () => {}) {
    this.address = address;
    this.#freed = freed;
    this.bytes = data.length;
    this.#data = data;
  }

  /** @throws DeviceError when it was closed: a GPU would write into memory of someone else */
  get data(): Uint8Array {
    if (this.#data) return this.#data;
    throw new DeviceError({
      message: `device memory at 0x${this.address.toString(16)} is used after it was closed.`,
    });
  }

  close(): void {
    if (this.#data) this.#freed();
    this.#data = undefined;
  }
}

/** Bytes behind a place. @throws DeviceError when so many do not lie there */
export function bytesAt({ memory, offset }: DevicePlace, count: number): Uint8Array {
  const { data } = memory as ReferenceMemory;
  if (offset % 16 === 0 && offset >= 0 && offset + count <= data.length)
    return data.subarray(offset, offset + count);
  throw new DeviceError({
    message: `${count} bytes at offset ${offset} do not lie in ${data.length} bytes of device memory, aligned to 16.`,
    details: { offset, count, bytes: data.length },
  });
}

/** Addresses of all devices of a fabric, as unified addressing gives them. */
export class AddressSpace {
  readonly #allocations = new Map<bigint, Uint8Array>();
  #next = 0x7f00_0000_0000n;

  allocate(bytes: number): ReferenceMemory {
    const address = this.#next;
    this.#next += BigInt(Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + ALIGNMENT);
    // Fresh memory holds what others left there.
    const data = new Uint8Array(bytes).fill(0xa5);
    this.#allocations.set(address, data);
    return new ReferenceMemory(address, data, () => this.#allocations.delete(address));
  }

  /** @throws DeviceError when no memory of that size lies there */
  view(address: bigint, bytes: number): ReferenceMemory {
    for (const [base, data] of this.#allocations) {
      const start = Number(address - base);
      if (start >= 0 && start + bytes <= data.length)
        return new ReferenceMemory(address, data.subarray(start, start + bytes));
    }
    throw new DeviceError({
      message: `no ${bytes} bytes of device memory lie at 0x${address.toString(16)}.`,
      details: { address, bytes },
    });
  }
}
