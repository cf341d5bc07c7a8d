import type { DType } from '@arfuse/contract';

/**
 * Numbers that `torch/_export/serde/schema.py` gives to element types (schema 8.20). They are not c10's.
 * `Uint4` and narrower types have none: NVFP4 appears as `uint8`.
 */
export const SCALAR_TYPES: Readonly<Record<number, DType>> = {
  1: 'u8',
  2: 'i8',
  3: 'i16',
  4: 'i32',
  5: 'i64',
  6: 'f16',
  7: 'f32',
  8: 'f64',
  9: 'c32',
  10: 'c64',
  11: 'c128',
  12: 'b8',
  13: 'bf16',
  28: 'u16',
  29: 'f8e4m3fn',
  30: 'f8e5m2',
  31: 'f8e4m3fnuz',
  32: 'f8e5m2fnuz',
  33: 'f8e8m0fnu',
  34: 'u32',
  35: 'u64',
};

/** `Layout` of the same schema, by PyTorch's name. */
export const LAYOUTS: Readonly<Record<number, string>> = {
  1: 'sparse_coo',
  2: 'sparse_csr',
  3: 'sparse_csc',
  4: 'sparse_bsr',
  5: 'sparse_bsc',
  6: '_mkldnn',
  7: 'strided',
};

/** `MemoryFormat` of the same schema, by PyTorch's name. */
export const MEMORY_FORMATS: Readonly<Record<number, string>> = {
  1: 'contiguous_format',
  2: 'channels_last',
  3: 'channels_last_3d',
  4: 'preserve_format',
};
