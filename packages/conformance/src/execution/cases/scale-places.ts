import type { QuantStage } from '@arfuse/contract';

/** Bytes from one scale to the next, where layouts do not decide otherwise. */
const width = ({ scaleDtype }: QuantStage): number => (scaleDtype === 'f32' ? 4 : 1);

/** Byte of the scale of a group of a row, as the layouts of `scaleBytes` have it. */
export function scalePlace(
  quant: QuantStage,
  rows: number,
  groups: number,
  row: number,
  group: number,
): number {
  switch (quant.scaleLayout) {
    case 'column_major':
      return (group * rows + row) * width(quant);
    case 'column_major_packed':
      return 4 * (Math.floor(group / 4) * Math.ceil(rows / 4) * 4 + row) + (group % 4);
    case 'swizzled_128x4':
      return (
        Math.floor(row / 128) * Math.ceil(groups / 4) * 512 +
        Math.floor(group / 4) * 512 +
        (row % 32) * 16 +
        Math.floor((row % 128) / 32) * 4 +
        (group % 4)
      );
    default:
      return (row * groups + group) * width(quant);
  }
}

/** Bytes of the scales of so many rows; 0 where a quantiser stores none. */
export function scaleByteCount(quant: QuantStage, rows: number, hidden: number): number {
  if (quant.scaleDtype === null) return 0;
  const groups = quant.groupSize === null ? 1 : hidden / quant.groupSize;
  const words = Math.ceil(groups / 4);
  if (quant.scaleLayout === 'column_major_packed')
    return 4 * (rows + (words - 1) * 4 * Math.ceil(rows / 4));
  if (quant.scaleLayout === 'swizzled_128x4') return 128 * Math.ceil(rows / 128) * 4 * words;
  return rows * groups * width(quant);
}
