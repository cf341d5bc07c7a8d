const MIB = 2 ** 20;

/**
 * The `fi_allreduce_fusion_max_size_mb` that makes vLLM fuse up to exactly `tokens` rows:
 * `int(mb * 2^20) // (hidden * itemsize) == tokens`. Exact, since dividing by a power of two loses no bit; JSON prints
 * the shortest decimal that reads back as the same number.
 */
export function fusionMaxSizeMb(tokens: number, hidden: number, itemsize: number): number {
  return (tokens * hidden * itemsize) / MIB;
}

/** The largest fused row count that vLLM computes from a limit (vllm 0.33.0: allreduce_rms_fusion.py:1002-1028). */
export function fusionMaxTokens(mb: number, hidden: number, itemsize: number): number {
  return Math.floor(Math.trunc(mb * MIB) / (hidden * itemsize));
}
