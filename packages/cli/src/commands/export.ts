import { exportVllm, type VllmVersion } from '@arfuse/core';
import { type PlanOptions, planOrGraph } from '../load/plan-input.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface ExportOptions extends PlanOptions {
  readonly engineVersion?: VllmVersion;
}

/** `arfuse export vllm PLAN`: the configuration on standard output, what it cannot express on standard error. */
export async function exportVllmCommand(
  path: string,
  options: ExportOptions,
  console: Console,
): Promise<number> {
  const { plan } = await planOrGraph(path, options, console);
  const exported = exportVllm(
    plan,
    options.engineVersion === undefined ? {} : { engineVersion: options.engineVersion },
  );
  console.document(exported);
  if (console.json) return EXIT.fine;
  console.line(JSON.stringify(exported.config, null, 2));
  console.note(`valid for ${exported.validFor}`);
  console.note(exported.text);
  if (exported.cannotExpress.length > 0) {
    console.note('vLLM cannot express:');
    for (const sentence of exported.cannotExpress) console.note(`- ${sentence}`);
  }
  return EXIT.fine;
}
