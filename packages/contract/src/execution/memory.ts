/** Memory of one device, or a view of another's. */
export interface DeviceMemory {
  readonly bytes: number;
  /** Where kernels of this device find it. */
  readonly address: bigint;
  /** Frees it as soon as no stream has work under way, or ends the view. Waits for nothing. */
  close(): void;
}

/** A place in device memory; the offset is in bytes, a multiple of 16. */
export interface DevicePlace {
  readonly memory: DeviceMemory;
  readonly offset: number;
}

/** Host memory that copies do not stage and that kernels reach. */
export interface PinnedMemory {
  readonly array: Uint8Array;
  readonly address: bigint;
  /** As {@link DeviceMemory.close}. */
  close(): void;
}
