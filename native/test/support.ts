import { type DType, NativeError } from '@arfuse/contract';
import { fromBits, toBits } from '@arfuse/reference';
import { loadNative, type NativeBinding, type NativeDtype } from '../src/index.ts';

/** The addon, or why tests of it cannot run. */
export const addon: { readonly binding: NativeBinding } | { readonly missing: string } = (() => {
  try {
    return { binding: loadNative().binding };
  } catch (error) {
    if (NativeError.isInstance(error)) return { missing: error.message };
    throw error;
  }
})();

/** An array of codes of a dtype. */
export function codesOf(dtype: DType, count: number): Uint8Array | Uint16Array | Uint32Array {
  if (dtype === 'f32') return new Uint32Array(count);
  return dtype === 'bf16' || dtype === 'f16' ? new Uint16Array(count) : new Uint8Array(count);
}

/** Codes of values that are representable in the dtype. */
export function encoded(dtype: NativeDtype, values: Float64Array): Uint16Array | Uint32Array {
  const codes = codesOf(dtype, values.length) as Uint16Array | Uint32Array;
  for (let i = 0; i < values.length; i += 1) codes[i] = toBits(dtype, values[i]!);
  return codes;
}

/** Values of codes. */
export function decoded(dtype: DType, codes: ArrayLike<number>): Float64Array {
  return Float64Array.from(codes, (code) => fromBits(dtype, code));
}
