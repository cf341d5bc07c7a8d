/** Rank that a file's own name states: `rank0_14.py`, `trace_rank_3_x.log`. */
export function rankOfName(base: string): number | undefined {
  const match = /(?:^|[^a-z])rank_?(\d+)(?!\d)/i.exec(base);
  return match ? Number(match[1]) : undefined;
}
