import { type DType, itemsize, type QuantAttributes, UnsupportedError } from '@arfuse/contract';
import { fromBits, toBits } from '../numeric/bits.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';

/** How many codes a layout stores, and which of them each scale is. */
interface Placement {
  readonly codes: number;
  index(row: number, group: number): number;
}

function placement(
  layout: QuantAttributes['scaleLayout'],
  rows: number,
  groups: number,
): Placement {
  switch (layout) {
    case 'row_major':
    case 'linear':
      return { codes: rows * groups, index: (row, group) => row * groups + group };
    case 'column_major':
      return { codes: rows * groups, index: (row, group) => group * rows + row };
    case 'column_major_packed': {
      const padded = Math.ceil(rows / 4) * 4;
      return {
        codes: 4 * (rows + (Math.ceil(groups / 4) - 1) * padded),
        index: (row, group) => 4 * (Math.floor(group / 4) * padded + row) + (group % 4),
      };
    }
    case 'swizzled_128x4': {
      const columns = Math.ceil(groups / 4) * 4;
      return {
        codes: Math.ceil(rows / 128) * 128 * columns,
        index: (row, group) =>
          Math.floor(row / 128) * (columns / 4) * 512 +
          Math.floor(group / 4) * 512 +
          (row % 32) * 16 +
          Math.floor((row % 128) / 32) * 4 +
          (group % 4),
      };
    }
    case 'none':
      throw new UnsupportedError({
        message: 'a static quantiser stores no scales.',
        hint: 'Read the scale that was given.',
      });
  }
}

/**
 * Number of bytes that {@link scaleBytes} gives.
 * @throws UnsupportedError for a layout without scales
 */
export function scaleSize(
  dtype: DType,
  layout: QuantAttributes['scaleLayout'],
  [rows, groups]: readonly [rows: number, groups: number],
): number {
  return placement(layout, rows, groups).codes * itemsize(dtype);
}

/**
 * Bytes of the scales as a kernel stores them. `scales` is logical, `[rows, groups]`.
 * - `row_major`, `linear`: as they are;
 * - `column_major`: groups first;
 * - `column_major_packed`: UE8M0, four groups per little-endian word, words column-major with rows padded to 4;
 * - `swizzled_128x4`: rows padded to 128 and groups to 4, in the tile order of the block-scaled tensor cores.
 *
 * What pads is zero.
 * Source: FlashInfer 0.7.2, `trtllm_allreduce_fusion.cuh` (points 8 and 9 of its numerics).
 * @throws UnsupportedError for a layout without scales
 */
export function scaleBytes(scales: RefTensor, layout: QuantAttributes['scaleLayout']): Uint8Array {
  const [rows = 0, groups = 0] = scales.shape;
  const { codes, index } = placement(layout, rows, groups);
  const width = itemsize(scales.dtype);
  const bytes = new Uint8Array(codes * width);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < rows; row += 1) {
    for (let group = 0; group < groups; group += 1) {
      const value = scales.data[row * groups + group]!;
      const at = index(row, group);
      if (width === 4) view.setFloat32(at * 4, value, true);
      else bytes[at] = toBits(scales.dtype, value);
    }
  }
  return bytes;
}

/**
 * The scales that {@link scaleBytes} wrote.
 * @param shape - `[rows, groups]`
 * @returns `padded` is false where a byte that pads is not zero
 * @throws UnsupportedError for a layout without scales
 */
export function scalesFromBytes(
  dtype: DType,
  layout: QuantAttributes['scaleLayout'],
  shape: readonly [rows: number, groups: number],
  bytes: Uint8Array,
): { scales: RefTensor; padded: boolean } {
  const [rows, groups] = shape;
  const { codes, index } = placement(layout, rows, groups);
  const width = itemsize(dtype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(rows * groups);
  const used = new Uint8Array(codes);
  for (let row = 0; row < rows; row += 1) {
    for (let group = 0; group < groups; group += 1) {
      const at = index(row, group);
      used[at] = 1;
      data[row * groups + group] =
        width === 4 ? view.getFloat32(at * 4, true) : fromBits(dtype, bytes[at]!);
    }
  }
  let padded = true;
  if (width === 1 && codes > rows * groups)
    for (let at = 0; at < codes; at += 1) if (used[at] === 0 && bytes[at] !== 0) padded = false;
  return { scales: { dtype, shape, data }, padded };
}
