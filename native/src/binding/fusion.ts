import type { DevicePlace } from '@arfuse/contract';
import type { NativeDtype } from './dtypes.ts';
import type { NativeExchangeRoom, NativeShot } from './exchange.ts';

/** Codes of FlashInfer's fusion header whose kernels wait in one all-reduce; 6, 7 and 12 are for mixtures of experts. */
export type NativeFusionPattern = 0 | 1 | 2 | 3 | 4 | 5 | 8 | 9 | 10 | 11;

/** What a group's workspaces are laid out for. */
export interface NativeFusionRoom extends NativeExchangeRoom {
  /** 2, 4, 8 or 16. */
  readonly size: number;
}

/** Where the parts of a workspace lie, in bytes from its start; every rank's has the same ones. */
export interface NativeFusionLayout {
  readonly bytes: number;
  /** Words that the rank's kernels keep between launches. */
  readonly control: number;
  /** Their values before the first launch. */
  readonly controlWords: Int32Array;
  /** The device's table of pointers. */
  readonly table: number;
  /** Flags of two-shot launches, 0 before the first. */
  readonly barrier: number;
  readonly barrierBytes: number;
  /** Three buffers for one-shot launches, −0 of the activation dtype everywhere before the first. */
  readonly lamport: number;
  /** Of one of the three; below 1 GiB. */
  readonly lamportBytes: number;
  /** Tensor and sum of two-shot launches. */
  readonly comm: number;
  readonly commBytes: number;
}

/** A launch, as far as its shape depends on it. */
export interface NativeFusionWork {
  readonly shot: NativeShot;
  readonly pattern: NativeFusionPattern;
  readonly dtype: NativeDtype;
  /** Most rows of a prepared launch; two-shot needs more rows than ranks. */
  readonly rows: number;
  /** Rows are whole 16-byte vectors. */
  readonly hidden: number;
  /** 2, 4, 8 or 16. */
  readonly size: number;
  readonly ranksPerDevice: number;
  /** Elements that share a scale, for patterns 8 and 9. */
  readonly group?: number;
}

/** Shape of a launch. */
export interface NativeFusionGeometry {
  readonly threads: number;
  /** Blocks of a thread-block cluster, which does a row. */
  readonly cluster: number;
  readonly blocks: number;
  /** Dynamic shared memory of a block. */
  readonly sharedBytes: number;
  /** Largest block that the kernel's registers allow. */
  readonly mostThreads: number;
}

/** What follows from sizes alone. */
export interface NativeFusionFunctions {
  /** @throws TypeError for a Lamport buffer of 1 GiB or more */
  layout(given: NativeFusionRoom): NativeFusionLayout;
  /** Words of a rank's table: every rank's comm, barrier and Lamport buffers, then the own control words. */
  table(
    given: NativeFusionRoom & {
      readonly rank: number;
      /** Every rank's workspace, as the rank's device reaches it. */
      readonly addresses: readonly bigint[];
    },
  ): BigUint64Array;
  /** FlashInfer's own shape; where ranks share a device, with as few clusters as fit it together. */
  geometry(
    given: NativeFusionWork & {
      readonly multiprocessors: number;
      /** Of a thread of the kernel. */
      readonly registers: number;
      /** Largest cluster of the device; 8 by default. */
      readonly maxCluster?: number;
      /** Clusters that the device holds at a time; for ranks that share it. */
      readonly activeClusters?: number;
    },
  ): NativeFusionGeometry;
  /** Whether launches of ranks that share a device complete when each has so many clusters. */
  completes(given: {
    readonly ranksPerDevice: number;
    readonly clusters: number;
    readonly activeClusters: number;
  }): boolean;
  /** Rows of each rank's part in a two-shot launch. */
  shares(given: {
    readonly rows: number;
    readonly size: number;
  }): readonly { readonly begin: number; readonly count: number }[];
}

/**
 * One prepared launch of a FlashInfer kernel. Every result that its pattern writes has a place, whether it is read or not;
 * `allReduceOut`, `residualOut` and `normOut` may be the place of `input` or `residual`, other results are apart from everything.
 */
export interface NativeFusionLaunch extends NativeFusionWork {
  readonly rank: number;
  /** The fewest of all devices of the group; by default this device's. */
  readonly multiprocessors?: number;
  /** Programmatic dependent launch. */
  readonly pdl: boolean;
  readonly workspace: NativeExchangeRoom & { readonly place: DevicePlace };
  readonly input: DevicePlace;
  /** Pattern 0. */
  readonly allReduceOut?: DevicePlace;
  /** Patterns with a norm: what is added, the sum, `[hidden]` of the activation dtype, and the norm's constants. */
  readonly residual?: DevicePlace;
  readonly residualOut?: DevicePlace;
  readonly weight?: DevicePlace;
  readonly eps?: number;
  readonly weightBias?: 0 | 1;
  /** Patterns 1, 4, 5, 9, 11. */
  readonly normOut?: DevicePlace;
  readonly quantOut?: DevicePlace;
  /** One float32: dequantisation scale (2, 4), or global scale (3, 5). */
  readonly scale?: DevicePlace;
  readonly scaleOut?: DevicePlace;
  /** Of the scales of patterns 3 and 5. */
  readonly layout?: 'swizzled_128x4' | 'linear';
}
