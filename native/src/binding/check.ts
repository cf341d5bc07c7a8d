import type { DeviceLaunch, DevicePlace } from '@arfuse/contract';
import type { NativeDtype } from './dtypes.ts';

/** Made-up values `[rows, hidden]`; `@arfuse/conformance` says what the kinds are, and makes the same codes. */
export interface NativeCodes {
  readonly dtype: NativeDtype;
  readonly kind: 'usual' | 'special' | 'integers' | 'vector';
  readonly seed: number;
  readonly stream: number;
  readonly hidden: number;
  /** First row. */
  readonly row: number;
  readonly rows: number;
}

/**
 * A comparison of codes in device memory. Findings are 64 bytes that it adds to, little-endian: u64 with the largest distance
 * in ULP above the bit inverse of its first code; u32 codes that differ, that are poison, that are numbers instead of NaN; u32
 * bit inverses of the first poison and of the first lost NaN; eight u32 of a histogram of the others that differ.
 */
export interface NativeComparison {
  readonly format: NativeDtype | 'f8e4m3fn' | 'f4e2m1fnx2' | 'f8e8m0fnu' | 'u8';
  /** Most codes. */
  readonly codes: number;
  readonly found: DevicePlace;
  readonly expected: DevicePlace;
  readonly findings: DevicePlace;
  /** Byte of memory that nothing has written. */
  readonly poison: number;
  /** Scales of quantised codes, which are compared with them where they differ. */
  readonly scaled?: {
    readonly hidden: number;
    readonly group: number;
    readonly dtype: 'f32' | 'f8e8m0fnu' | 'f8e4m3fn';
    readonly layout: string;
    readonly bytes: number;
    readonly found: DevicePlace;
    readonly expected: DevicePlace;
  };
}

/** A look for bytes other than one. Findings as of a comparison: bytes that differ, and 1 above the first one's bit inverse. */
export interface NativeUniform {
  readonly place: DevicePlace;
  /** 0 … 15 bytes behind the place is the first. */
  readonly behind: number;
  /** Most bytes. */
  readonly bytes: number;
  readonly byte: number;
  readonly findings: DevicePlace;
}

/**
 * A kernel that writes made-up codes in the worst way that programmatic dependent launch allows: it lets the next kernel start at
 * once, and writes after a delay. What reads before it waits finds what was there before. Its launch takes 1 for rows.
 */
export interface NativeProducer {
  /** Nanoseconds. */
  readonly delay: number;
  /** At most six. */
  readonly tensors: readonly (NativeCodes & { readonly out: DevicePlace })[];
}

/** A copy that does not wait for the kernel before it, to show that a producer is seen to be late. It takes 1 for rows. */
export interface NativeHastyCopy {
  readonly from: DevicePlace;
  readonly to: DevicePlace;
  readonly bytes: number;
}

/** Bytes of the findings of one launch. */
export const NATIVE_FINDINGS_BYTES = 64;

/** What results are checked with where they lie. The launches take rows, codes and bytes for rows. */
export interface NativeCheck {
  /** Codes on the host, in every addon. */
  codes(spec: NativeCodes, out: NodeJS.TypedArray): void;
  /** Bytes of a device's memory that are in use, by all processes together. */
  bytesInUse?(device: number): number;
  prepareCodes?(device: number, spec: NativeCodes & { readonly out: DevicePlace }): DeviceLaunch;
  prepareComparison?(device: number, comparison: NativeComparison): DeviceLaunch;
  prepareProducer?(device: number, producer: NativeProducer): DeviceLaunch;
  prepareHastyCopy?(device: number, copy: NativeHastyCopy): DeviceLaunch;
  prepareUniform?(device: number, uniform: NativeUniform): DeviceLaunch;
}
