import {
  type Device,
  DeviceError,
  type DeviceMemory,
  type DevicePlace,
  type DType,
  itemsize,
  UsageError,
} from '@arfuse/contract';

/** What a buffer holds. */
export interface BufferSpec {
  readonly dtype: DType;
  /** Whole numbers of 1 or more; row-major. `f4e2m1fnx2` counts bytes, two elements each. */
  readonly shape: readonly number[];
}

/** Bytes of a dense buffer. @throws UsageError for a shape that is none */
export function bufferBytes({ dtype, shape }: BufferSpec): number {
  const bytes = shape.reduce((product, dim) => product * dim, itemsize(dtype));
  const whole = shape.every((dim) => Number.isInteger(dim) && dim >= 1);
  if (whole && Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError({
    message: `a buffer cannot have shape [${shape.join(', ')}].`,
    hint: 'Give whole numbers of 1 or more.',
    details: { shape },
  });
}

/** Tensor in device memory, for as long as nobody has closed it. */
export class DeviceBuffer implements Disposable {
  readonly dtype: BufferSpec['dtype'];
  readonly shape: readonly number[];
  readonly bytes: number;
  #memory: DeviceMemory | undefined;
  #bindings = 0;

  /** @param memory - owned: closed with the buffer */
  constructor(spec: BufferSpec, memory: DeviceMemory) {
    this.dtype = spec.dtype;
    this.shape = [...spec.shape];
    this.bytes = bufferBytes(spec);
    this.#memory = memory;
    if (memory.bytes >= this.bytes) return;
    throw new UsageError({
      message: `a buffer of ${this.bytes} bytes does not fit into ${memory.bytes} bytes of device memory.`,
      details: { bytes: this.bytes, memory: memory.bytes },
    });
  }

  static allocate(device: Device, spec: BufferSpec): DeviceBuffer {
    return new DeviceBuffer(spec, device.allocate(bufferBytes(spec)));
  }

  /** @throws DeviceError when it was closed */
  get place(): DevicePlace {
    if (this.#memory) return { memory: this.#memory, offset: 0 };
    throw new DeviceError({
      message: `a buffer ${this.dtype}[${this.shape.join(', ')}] is used after it was closed.`,
      hint: 'Close buffers after the executor that binds them.',
    });
  }

  get address(): bigint {
    return this.place.memory.address;
  }

  /** Keeps it open until {@link release}. */
  retain(): void {
    this.#bindings += 1;
  }

  release(): void {
    this.#bindings -= 1;
  }

  /** Frees the memory. @throws DeviceError while an executor binds it: its kernels would write into freed memory */
  close(): void {
    if (this.#bindings > 0) {
      throw new DeviceError({
        message: `a buffer ${this.dtype}[${this.shape.join(', ')}] is closed while ${this.#bindings} ${this.#bindings === 1 ? 'site is' : 'sites are'} bound to it.`,
        hint: 'Close the executor first.',
      });
    }
    this.#memory?.close();
    this.#memory = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
