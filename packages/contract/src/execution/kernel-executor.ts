import type { IoDType } from '../dtype.ts';
import type { StepParameters } from '../kernel.ts';
import type { NumericsRecord } from '../numerics.ts';
import type { SiteOutput } from '../site.ts';
import type { Stage } from '../stage.ts';
import type { Device } from './device.ts';
import type { DeviceMemory, DevicePlace, PinnedMemory } from './memory.ts';
import type { DeviceLaunch, DeviceStream } from './stream.ts';

/** A step of a plan as its kernel has to be ready for it. */
export interface StepDemand {
  /** `npm-name/kernel`. */
  readonly kernel: string;
  readonly params: StepParameters;
  readonly stages: readonly Stage[];
  /** Results that something after the step reads, or that leave the site. */
  readonly outputs: readonly SiteOutput[];
  /** What the segment computes. */
  readonly numerics: NumericsRecord;
  readonly hidden: number;
  readonly dtype: IoDType;
  /** Smallest and largest row count of its launches. */
  readonly rows: { readonly min: number; readonly max: number };
}

/**
 * A step with its buffers. Activations are `[rows.max, hidden]` in the site's dtype, weights and biases `[hidden]`, the
 * scale one float32; every place is aligned to 16 bytes.
 */
export interface BoundStep extends StepDemand {
  /** The travelling value: one, or two while the partials of a merged pair are apart. */
  readonly inputs: readonly DevicePlace[];
  readonly residual?: DevicePlace;
  readonly weight?: DevicePlace;
  readonly bias?: DevicePlace;
  readonly preNormWeight?: DevicePlace;
  /** Dequantisation scale of static FP8, or the global scale of NVFP4: one float32. */
  readonly scale?: DevicePlace;
  /** Where results go: those that leave the site, and those that a later step reads. */
  readonly results: Readonly<Partial<Record<SiteOutput, DevicePlace>>>;
  /** Where the value of the last stage goes when it is no result of the site: an all-reduce before a bias, or of a half. */
  readonly carry?: DevicePlace;
}

/** Memory of the same size at every rank that every rank's kernels reach. */
export interface SymmetricMemory {
  /** This rank's. */
  readonly memory: DeviceMemory;
  /** Every rank's by rank, as kernels of this rank's device address them. */
  readonly addresses: readonly bigint[];
}

/** What a backend gets to make its kernels ready on one rank. */
export interface ExecutionContext {
  readonly device: Device;
  /** The rank's stream; everything set up on it has run before the first launch. */
  readonly stream: DeviceStream;
  readonly rank: number;
  readonly size: number;
  /** How many ranks share this rank's device; 1 in production. */
  readonly ranksPerDevice: number;
  /** Nonzero in its first 32 bits tells spinning kernels to end. */
  readonly abort: PinnedMemory;
  /** Every step of the plan that the backend's kernels perform. */
  readonly demands: readonly StepDemand[];
  /** Gives every rank's bytes, equally many, to every rank. All ranks call it in the same order. */
  exchange(message: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Allocates symmetric memory, which the executor frees. All ranks call it in the same order. */
  symmetric(bytes: number): Promise<SymmetricMemory>;
}

/** Kernels of a backend, ready on one rank. */
export interface KernelExecutor {
  /** Versions of the libraries in use, which must be the same at all ranks, e.g. `{ nccl: '2.28.9' }`. */
  readonly libraries: Readonly<Record<string, string>>;
  /**
   * Checks a step's buffers and parameters, once.
   * @throws UnsupportedError or NativeError with one sentence per refusal
   */
  prepare(step: BoundStep): DeviceLaunch;
  /**
   * Frees kernels of this rank that wait for others; called again until the stream is idle. Their results are undefined.
   * Calls nothing that waits for the device.
   */
  release(): void;
  /**
   * One sentence on kernels that `release()` does not end, such as `NCCL 2.28.9 does not end kernels over symmetric windows.`; it is in the
   * error about one that was released and did not end. Default: `release()` ends all of them.
   */
  readonly cannotRelease?: string;
  /**
   * Whether `reset()` replaces what captured launches of these kernels hold: graphs with such launches are closed before it, and
   * captured anew after it. Default: false, captured launches work again after a reset.
   */
  readonly recaptures?: boolean;
  /** Makes the workspace as new, on the rank's stream. All ranks are idle, and wait for each other before they launch again. */
  reset(): void | Promise<void>;
  /** Ranks whose part of the collective that this rank waits for has come, where the kernels can tell. */
  arrived?(): Promise<readonly number[] | undefined>;
  /** Frees what it holds; the stream is idle, or stuck for good. */
  close(): void | Promise<void>;
}

/** Opens the kernels of a backend on one rank. All ranks open the same backends in the same order. */
export type OpenKernels = (context: ExecutionContext) => Promise<KernelExecutor>;
