import type { SiteOutput, Stage, StageKind } from '@arfuse/contract';

/** The result that a stage leaves for the next one. */
const STATE_AFTER: Readonly<Record<StageKind, SiteOutput | null>> = {
  merge: 'all_reduce',
  all_reduce: 'all_reduce',
  bias: 'all_reduce',
  scale: 'all_reduce',
  pre_norm: 'pre_norm',
  residual: 'residual',
  norm: 'norm',
  quant: null,
};

/**
 * Results of `order[start, end)` that something after it reads: escaping results whose last producer is in the run, and
 * the state that the next run continues from.
 */
export function outputsOf(
  order: readonly Stage[],
  start: number,
  end: number,
  escaping: readonly SiteOutput[],
): SiteOutput[] {
  const found = new Set<SiteOutput>();
  for (let i = start; i < end; i += 1) {
    const { kind } = order[i]!;
    if (kind === 'quant') {
      for (const output of ['quant', 'scale'] as const)
        if (escaping.includes(output)) found.add(output);
      continue;
    }
    const state = STATE_AFTER[kind]!;
    const again = order.slice(i + 1).some((stage) => STATE_AFTER[stage.kind] === state);
    if (escaping.includes(state) && !again) found.add(state);
  }
  const last = STATE_AFTER[order[end - 1]!.kind];
  if (end < order.length && last !== null) found.add(last);
  return [...found];
}
