import { type DType, itemsize } from '@arfuse/contract';
import { fromBits, toBits } from '../numeric/bits.ts';
import { type RefTensor, sizeOf } from './ref-tensor.ts';

const single = new Float32Array(1);
const singleCode = new Uint32Array(single.buffer);

/** Code of a value that is representable; the two common dtypes without arithmetic. */
function codeOf(dtype: DType, value: number): number {
  if (value === value && (dtype === 'bf16' || dtype === 'f32')) {
    single[0] = value;
    return dtype === 'f32' ? singleCode[0]! : singleCode[0]! >>> 16;
  }
  return toBits(dtype, value);
}

/**
 * Bytes of a tensor of floats as a GPU stores it: little-endian, row-major, e2m1 packed two to a byte with the first
 * element in the low nibble. Scales have layouts of their own: see `scaleBytes`.
 * @throws UnsupportedError for a dtype that is no float of 32 bits or less
 */
export function tensorBytes({ dtype, data }: RefTensor): Uint8Array {
  if (dtype === 'f4e2m1fnx2') {
    const bytes = new Uint8Array(Math.ceil(data.length / 2));
    for (let i = 0; i < data.length; i += 1)
      bytes[i >> 1] = bytes[i >> 1]! | (toBits(dtype, data[i]!) << (4 * (i % 2)));
    return bytes;
  }
  const width = itemsize(dtype);
  const bytes = new Uint8Array(data.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < data.length; i += 1) {
    const code = codeOf(dtype, data[i]!);
    if (width === 1) view.setUint8(i, code);
    else if (width === 2) view.setUint16(2 * i, code, true);
    else view.setUint32(4 * i, code, true);
  }
  return bytes;
}

/** Values of all codes of a dtype with 16 bits or fewer. */
const tables = new Map<DType, Float64Array>();

function tableOf(dtype: DType): Float64Array {
  let table = tables.get(dtype);
  if (!table) {
    const codes = dtype === 'f4e2m1fnx2' ? 16 : 2 ** (8 * itemsize(dtype));
    table = Float64Array.from({ length: codes }, (_, code) => fromBits(dtype, code));
    tables.set(dtype, table);
  }
  return table;
}

/**
 * The tensor that {@link tensorBytes} wrote.
 * @throws UnsupportedError for a dtype that is no float of 32 bits or less
 */
export function tensorFromBytes(
  dtype: DType,
  shape: readonly number[],
  bytes: Uint8Array,
): RefTensor {
  const data = new Float64Array(sizeOf(shape));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'f32') {
    for (let i = 0; i < data.length; i += 1) data[i] = view.getFloat32(4 * i, true);
    return { dtype, shape, data };
  }
  const table = tableOf(dtype);
  const wide = itemsize(dtype) === 2;
  for (let i = 0; i < data.length; i += 1) {
    const code =
      dtype === 'f4e2m1fnx2'
        ? (bytes[i >> 1]! >> (4 * (i % 2))) & 15
        : wide
          ? view.getUint16(2 * i, true)
          : bytes[i]!;
    data[i] = table[code]!;
  }
  return { dtype, shape, data };
}
