/** Token count up to which launches are captured CUDA graphs unless the target says otherwise. */
export const DEFAULT_GRAPH_UP_TO = 512;

/** Largest launch unless the target says otherwise. */
export const DEFAULT_MAX_TOKENS = 8192;

/**
 * Token counts that engines capture by default: 1, 2, 4, then steps of 8 up to 256, then steps of 16 (vLLM's
 * capture sizes; powers of two are among them).
 */
export function defaultBuckets(upTo: number): number[] {
  const sizes = [1, 2, 4];
  for (let size = 8; size <= 256; size += 8) sizes.push(size);
  for (let size = 272; size <= upTo; size += 16) sizes.push(size);
  return sizes.filter((size) => size <= upTo);
}
