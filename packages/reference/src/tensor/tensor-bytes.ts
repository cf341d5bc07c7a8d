import { type DType, itemsize } from '@arfuse/contract';
import { fromBits, toBits } from '../numeric/bits.ts';
import { type RefTensor, sizeOf } from './ref-tensor.ts';

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
    const code = toBits(dtype, data[i]!);
    if (width === 1) view.setUint8(i, code);
    else if (width === 2) view.setUint16(2 * i, code, true);
    else view.setUint32(4 * i, code, true);
  }
  return bytes;
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
  const width = itemsize(dtype);
  for (let i = 0; i < data.length; i += 1) {
    const code =
      dtype === 'f4e2m1fnx2'
        ? (bytes[i >> 1]! >> (4 * (i % 2))) & 15
        : width === 1
          ? bytes[i]!
          : width === 2
            ? view.getUint16(2 * i, true)
            : view.getUint32(4 * i, true);
    data[i] = fromBits(dtype, code);
  }
  return { dtype, shape, data };
}
