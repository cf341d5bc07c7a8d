/**
 * Element types, in the abbreviations that PyTorch prints in graph annotations
 * (`torch/utils/_dtype_abbrs.py`).
 */
export const DTYPES = [
  'bf16',
  'f16',
  'f32',
  'f64',
  'f8e4m3fn',
  'f8e5m2',
  'f8e4m3fnuz',
  'f8e5m2fnuz',
  'f8e8m0fnu',
  'f8e8m0fnu_x4',
  'f4e2m1fnx2',
  'c32',
  'c64',
  'c128',
  'i8',
  'i16',
  'i32',
  'i64',
  'u8',
  'u16',
  'u32',
  'u64',
  'b8',
  'b16',
  'b1x8',
] as const;

/** One of {@link DTYPES}. */
export type DType = (typeof DTYPES)[number];

/** 16- and 32-bit types that an all-reduce of activations is made in. */
export type IoDType = 'bf16' | 'f16' | 'f32';

const ITEMSIZE: Readonly<Record<DType, number>> = {
  bf16: 2,
  f16: 2,
  f32: 4,
  f64: 8,
  f8e4m3fn: 1,
  f8e5m2: 1,
  f8e4m3fnuz: 1,
  f8e5m2fnuz: 1,
  f8e8m0fnu: 1,
  f8e8m0fnu_x4: 4,
  f4e2m1fnx2: 1,
  c32: 4,
  c64: 8,
  c128: 16,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  b8: 1,
  b16: 2,
  b1x8: 1,
};

const TORCH_NAMES: Readonly<Record<string, DType>> = {
  bfloat16: 'bf16',
  float16: 'f16',
  half: 'f16',
  float32: 'f32',
  float: 'f32',
  float64: 'f64',
  double: 'f64',
  float8_e4m3fn: 'f8e4m3fn',
  float8_e5m2: 'f8e5m2',
  float8_e4m3fnuz: 'f8e4m3fnuz',
  float8_e5m2fnuz: 'f8e5m2fnuz',
  float8_e8m0fnu: 'f8e8m0fnu',
  float4_e2m1fn_x2: 'f4e2m1fnx2',
  complex32: 'c32',
  complex64: 'c64',
  complex128: 'c128',
  int8: 'i8',
  int16: 'i16',
  short: 'i16',
  int32: 'i32',
  int: 'i32',
  int64: 'i64',
  long: 'i64',
  uint8: 'u8',
  uint16: 'u16',
  uint32: 'u32',
  uint64: 'u64',
  bool: 'b8',
  bits16: 'b16',
  bits1x8: 'b1x8',
};

/** Bytes of one element (of one packed storage element for `f4e2m1fnx2` and `f8e8m0fnu_x4`). */
export function itemsize(dtype: DType): number {
  return ITEMSIZE[dtype];
}

/** Whether a text is one of {@link DTYPES}. */
export function isDType(text: string): text is DType {
  return text in ITEMSIZE;
}

/** The abbreviation of a `torch.<name>` dtype (`bfloat16` → `bf16`), or undefined when it is none. */
export function dtypeFromTorch(name: string): DType | undefined {
  return Object.hasOwn(TORCH_NAMES, name) ? TORCH_NAMES[name] : undefined;
}

/** The full name that `torch.<name>` uses (`bf16` → `bfloat16`). */
export function dtypeToTorch(dtype: DType): string {
  for (const [name, abbreviation] of Object.entries(TORCH_NAMES)) {
    if (abbreviation === dtype) return name;
  }
  return dtype;
}

/** Whether activations of this dtype can be all-reduced. */
export function isIoDType(dtype: DType): dtype is IoDType {
  return dtype === 'bf16' || dtype === 'f16' || dtype === 'f32';
}
