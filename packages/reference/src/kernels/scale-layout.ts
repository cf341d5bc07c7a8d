import { type QuantAttributes, UnsupportedError } from '@arfuse/contract';
import { toBits } from '../numeric/bits.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';

/**
 * Bytes of the scales as a kernel stores them. `scales` is logical, `[rows, groups]`.
 * - `row_major`, `linear`: as they are;
 * - `column_major`: groups first;
 * - `column_major_packed`: UE8M0, four groups per little-endian word, words column-major with rows padded to 4;
 * - `swizzled_128x4`: rows padded to 128 and groups to 4, in the tile order of the block-scaled tensor cores.
 *
 * Source: FlashInfer 0.7.2, `trtllm_allreduce_fusion.cuh` (points 8 and 9 of its numerics).
 * @throws UnsupportedError for a layout without scales
 */
export function scaleBytes(scales: RefTensor, layout: QuantAttributes['scaleLayout']): Uint8Array {
  const [rows = 0, groups = 0] = scales.shape;
  const at = (row: number, group: number): number => scales.data[row * groups + group]!;
  const codes = (row: number, group: number): number => toBits(scales.dtype, at(row, group));
  switch (layout) {
    case 'row_major':
    case 'linear':
    case 'column_major': {
      const width = scales.dtype === 'f32' ? 4 : 1;
      const bytes = new Uint8Array(rows * groups * width);
      const view = new DataView(bytes.buffer);
      for (let row = 0; row < rows; row += 1) {
        for (let group = 0; group < groups; group += 1) {
          const index = layout === 'column_major' ? group * rows + row : row * groups + group;
          if (width === 4) view.setFloat32(index * 4, at(row, group), true);
          else bytes[index] = codes(row, group);
        }
      }
      return bytes;
    }
    case 'column_major_packed': {
      const padded = Math.ceil(rows / 4) * 4;
      const bytes = new Uint8Array(4 * (rows + (Math.ceil(groups / 4) - 1) * padded));
      for (let row = 0; row < rows; row += 1) {
        for (let group = 0; group < groups; group += 1) {
          bytes[4 * (Math.floor(group / 4) * padded + row) + (group % 4)] = codes(row, group);
        }
      }
      return bytes;
    }
    case 'swizzled_128x4': {
      const columns = Math.ceil(groups / 4) * 4;
      const bytes = new Uint8Array(Math.ceil(rows / 128) * 128 * columns);
      for (let m = 0; m < rows; m += 1) {
        for (let k = 0; k < groups; k += 1) {
          const offset =
            Math.floor(m / 128) * (columns / 4) * 512 +
            Math.floor(k / 4) * 512 +
            (m % 32) * 16 +
            Math.floor((m % 128) / 32) * 4 +
            (k % 4);
          bytes[offset] = codes(m, k);
        }
      }
      return bytes;
    }
    case 'none':
      throw new UnsupportedError({
        message: 'a static quantiser stores no scales.',
        hint: 'Read the scale that was given.',
      });
  }
}
