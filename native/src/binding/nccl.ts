import type { DevicePlace } from '@arfuse/contract';
import type { NativeDtype } from './dtypes.ts';

/** NCCL, opened at run time. */
export interface NativeNcclLibrary {
  /** E.g. `2.28.9`. */
  readonly version: string;
  /** The file that was loaded. */
  readonly file: string;
  /** 128 bytes by which the ranks of one new communicator find each other. Opens a socket. */
  uniqueId(): Uint8Array;
}

/** An all-reduce that all ranks perform while they open: a first launch finds everything connected, and sums are checked. */
export interface NativeNcclRehearsal {
  readonly dtype: NativeDtype;
  /** Elements. */
  readonly count: number;
  /** Over the window. */
  readonly windowed: boolean;
}

/** What all ranks of a communicator open it with; only `rank` differs. */
export interface NativeNcclOpening {
  readonly id: Uint8Array;
  readonly rank: number;
  readonly size: number;
  /** Memory that every rank's kernels reach, for launches over it; 0 for none. */
  readonly windowBytes: number;
  readonly rehearsals: readonly NativeNcclRehearsal[];
}

/**
 * One rank's communicator. NCCL's calls that wait run on threads of their own; nothing here waits, and nothing keeps the process
 * alive: `ready()` and `closed()` are asked until they are true.
 */
export interface NativeNcclCommunicator {
  /** Begins to open; after an abort again, and launches that were prepared go on with the new communicator. */
  open(options: NativeNcclOpening): void;
  /** Whether it is open; throws what opening failed with, once. */
  ready(): boolean;
  /** Ends kernels that wait for others; what they leave is undefined, and captured launches may not run any more. */
  abort(): void;
  /** Frees what NCCL holds, when nothing runs and no captured launch is left. */
  close(): void;
  /** Whether nothing of it runs any more; after an abort, when captured launches have been closed. */
  closed(): boolean;
  /** What NCCL found by itself, e.g. that a peer is gone, in its own words. */
  failure(): string | null;
}

/** One prepared `ncclAllReduce`, a sum. Errors have NCCL's name as their `code`. */
export interface NativeAllReduceLaunch {
  /** Open, and of the same device. */
  readonly communicator: NativeNcclCommunicator;
  readonly dtype: NativeDtype;
  /** Most rows. */
  readonly rows: number;
  readonly hidden: number;
  /** Any memory of the device; the output may be the input. */
  readonly input: DevicePlace;
  readonly output: DevicePlace;
  /** Copies the input into the communicator's window, adds there, and copies the sum out. */
  readonly windowed: boolean;
}
