import { describeFailures, verify } from '@arfuse/core';
import { configuredBackends } from '../load/backends.ts';
import { loadConfig } from '../load/config.ts';
import { type PlanOrGraphOptions, planOrGraph } from '../load/plan-input.ts';
import { printVerifyReport } from '../output/verify-text.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface VerifyCommandOptions extends PlanOrGraphOptions {
  readonly tokens: readonly number[];
  readonly seed: number;
}

/** `arfuse verify GRAPH|PLAN`. Exit code 1 when a check fails. */
export async function verifyCommand(
  path: string,
  options: VerifyCommandOptions,
  console: Console,
): Promise<number> {
  const { tokens, seed } = options;
  const { plan, graph } = await planOrGraph(path, options, console);
  const use = configuredBackends(await loadConfig(options.config));
  const report = await console.progress('verifying', () =>
    verify(plan, { tokens, seed, use, ...(graph ? { graph } : {}) }),
  );
  console.document({ ...report, failures: describeFailures(report) });
  printVerifyReport(plan, report, console);
  return report.passed ? EXIT.fine : EXIT.checkFailed;
}
