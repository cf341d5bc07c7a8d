import type { DevicePlace, PinnedMemory } from '@arfuse/contract';
import type { NativeDtype } from './dtypes.ts';

/** How ranks exchange a tensor: each adds up all of it, or its slice of it. */
export type NativeShot = 'one-shot' | 'two-shot';

/** Largest tensors of a workspace, in bytes; 0 for a kind that is not used. */
export interface NativeExchangeRoom {
  readonly oneShotBytes: number;
  readonly twoShotBytes: number;
}

/** Where the parts of a workspace lie, in bytes from its start. */
export interface NativeExchangeLayout {
  readonly bytes: number;
  /** The part that is zeroed before the first exchange and after an abort. */
  readonly headBytes: number;
  /** Two buffers that alternate. */
  readonly buffers: readonly [number, number];
  readonly bufferBytes: number;
  /** Each rank's slot in a buffer. */
  readonly oneShotSlotBytes: number;
  readonly twoShotSlotBytes: number;
  /** Of the sums of a two-shot exchange within a buffer. */
  readonly resultOffset: number;
}

/** Shape of a launch. */
export interface NativeExchangeGeometry {
  readonly blocks: number;
  readonly threads: number;
  /** 16-byte vectors of the tensor. */
  readonly vectors: number;
  /** Those that the blocks share out: the tensor's, or a slice's. */
  readonly shared: number;
}

/** What a copy of a workspace's head says. */
export interface NativeExchangeState {
  /** Exchanges that have ended. */
  readonly epoch: bigint;
  readonly running: boolean;
  readonly aborted: boolean;
  /** Ranks that the running exchange still waits for. */
  readonly missing: readonly number[];
}

/** What follows from sizes alone, or from bytes. */
export interface NativeExchangeFunctions {
  layout(given: NativeExchangeRoom & { readonly size: number }): NativeExchangeLayout;
  geometry(given: {
    readonly shot: NativeShot;
    readonly dtype: NativeDtype;
    readonly rows: number;
    readonly hidden: number;
    readonly size: number;
    readonly ranksPerDevice: number;
    readonly multiprocessors: number;
  }): NativeExchangeGeometry;
  state(
    head: Uint8Array,
    given: { readonly rank: number; readonly size: number },
  ): NativeExchangeState;
}

/** One prepared exchange: the sum over the ranks in rank order, in float32, rounded once. */
export interface NativeExchangeLaunch {
  readonly shot: NativeShot;
  readonly dtype: NativeDtype;
  /** Most rows. */
  readonly rows: number;
  /** Rows are whole 16-byte vectors. */
  readonly hidden: number;
  readonly rank: number;
  /** 2, 4, 6 or 8. */
  readonly size: number;
  /** Any memory of the device; the output may be the input. */
  readonly input: DevicePlace;
  readonly output: DevicePlace;
  readonly workspace: NativeExchangeRoom & {
    readonly place: DevicePlace;
    /** Every rank's workspace by rank, as this device reaches it. */
    readonly addresses: readonly bigint[];
  };
  /** Nonzero in its first 32 bits ends the waiting. */
  readonly abort: PinnedMemory;
  readonly ranksPerDevice: number;
  /** Seed of pauses between accesses to flags, for tests. */
  readonly delays?: number;
  /** The fewest of all devices of the group; by default this device's. */
  readonly multiprocessors?: number;
}

/** `out = round(a + b)`; in place is allowed. */
export interface NativeAddLaunch {
  readonly dtype: NativeDtype;
  /** Most rows. */
  readonly rows: number;
  readonly hidden: number;
  readonly a: DevicePlace;
  readonly b: DevicePlace;
  readonly out: DevicePlace;
}
