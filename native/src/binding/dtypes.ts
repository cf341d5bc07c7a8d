/** Dtypes of activations and weights that the kernels are compiled for. */
export type NativeDtype = 'bf16' | 'f16' | 'f32';

/** Formats that the addon converts. Codes have 4 bytes for f32, 2 for 16-bit formats, 1 for narrower ones. */
export type NativeFormat = NativeDtype | 'f8e4m3fn' | 'f8e5m2' | 'f4e2m1fnx2' | 'f8e8m0fnu';
