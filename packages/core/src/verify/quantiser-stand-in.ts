import type { SiteOutput } from '@arfuse/contract';
import type { RefTensor, SiteResults } from '@arfuse/reference';

/**
 * What stands for quantised elements and scales where sites are compared as real-valued functions, up to the quantiser:
 * the norm itself, and the largest magnitude of each row. Both sides of a comparison use it.
 */
export function standIn(
  output: SiteOutput,
  { norm, all_reduce }: SiteResults,
): RefTensor | undefined {
  // A step that only quantises continues from what is already normed.
  const given = norm ?? all_reduce;
  if (output === 'quant' || !given) return given;
  const [rows = 0, hidden = 0] = given.shape;
  const data = new Float64Array(rows);
  for (let i = 0; i < given.data.length; i += 1) {
    const row = Math.floor(i / hidden);
    const value = Math.abs(given.data[i]!);
    // Written so that NaN stays.
    if (!(value <= data[row]!)) data[row] = value;
  }
  return { ...given, shape: [rows, 1], data };
}
