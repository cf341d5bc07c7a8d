import { engineReport, type TokenMix } from '@arfuse/core';
import { loadConfig } from '../load/config.ts';
import { type PlanOptions, planOrGraph } from '../load/plan-input.ts';
import { engineMarkdown } from '../output/engine-markdown.ts';
import { printEngineReport } from '../output/engine-text.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface EngineCommandOptions extends PlanOptions {
  readonly mix?: TokenMix;
  readonly markdown?: boolean;
}

/** `arfuse engine [report] GRAPH|PLAN [--mix 1:0.5,64:0.5] [--markdown]`: today, best, and what to change. */
export async function engineCommand(
  path: string,
  options: EngineCommandOptions,
  console: Console,
): Promise<number> {
  const { plan } = await planOrGraph(path, options, console);
  const { tables } = await loadConfig(options.config);
  const report = await console.progress('comparing settings', () =>
    engineReport(plan, {
      ...(options.mix ? { mix: options.mix } : {}),
      ...(tables ? { tables } : {}),
    }),
  );
  console.document(report);
  if (console.json) return EXIT.fine;
  if (options.markdown) console.line(engineMarkdown(report).trimEnd());
  else printEngineReport(report, console);
  return EXIT.fine;
}
