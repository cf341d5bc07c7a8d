import { canonicalJson, type EngineChain, type LaunchMode } from '@arfuse/contract';
import type { Engine, EngineScope } from '@arfuse/engines';
import type { LaunchSpan } from '../candidates/launches.ts';

/** Launches for which an engine gives one answer. */
export interface EngineCell {
  /** Inclusive token counts. */
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  /** Rows that the largest of them launches. */
  readonly rows: number;
  /** What the engine launches. */
  readonly today: EngineChain;
  /** What it would launch without fusing. */
  readonly unfused: EngineChain;
}

/** Equal for chains that launch and compute the same. */
export const chainKey = ({ steps, numerics }: EngineChain): string =>
  canonicalJson([steps, numerics]);

/** First token counts of the pieces of an open span, each of which the engine answers alike. */
function starts({ min, max }: LaunchSpan, edges: readonly number[]): number[] {
  return [...new Set([min, ...edges.filter((edge) => edge > min && edge <= max)])].sort(
    (a, b) => a - b,
  );
}

/** An engine's answers over the whole token domain, in order. */
export function engineCells(
  engine: Engine,
  scope: EngineScope,
  spans: readonly LaunchSpan[],
): EngineCell[] {
  const edges = engine.edges(scope);
  return spans.flatMap((span): EngineCell[] => {
    const cell = (min: number, max: number): EngineCell => {
      const question = { ...scope, tokens: span.padded ?? max, mode: span.mode };
      return {
        tokens: [min, max],
        mode: span.mode,
        rows: question.tokens,
        today: engine.today(question),
        unfused: engine.unfused(question),
      };
    };
    if (span.padded !== null) return [cell(span.min, span.max)];
    const from = starts(span, edges);
    return from.map((min, i) => cell(min, (from[i + 1] ?? span.max + 1) - 1));
  });
}
