import {
  exportJson,
  exportSglang,
  exportTensorRtLlm,
  exportTimes,
  exportVllm,
  type Plan,
  type PlanExport,
  type TokenMix,
  type VllmVersion,
} from '@arfuse/core';
import { loadConfig } from '../load/config.ts';
import { type PlanOptions, planOrGraph } from '../load/plan-input.ts';
import { paragraph, WIDTH, wrapWords } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface ExportVllmOptions extends PlanOptions {
  readonly engineVersion?: VllmVersion;
  readonly mix?: TokenMix;
  readonly table?: boolean;
}

/** Targets besides vLLM. */
const EXPORTS = {
  sglang: exportSglang,
  'tensorrt-llm': exportTensorRtLlm,
  json: exportJson,
} satisfies Record<string, (plan: Plan) => PlanExport>;

/** What a target cannot be told, and what the export is valid for, on standard error. */
function notes({ target, validFor, cannotExpress }: PlanExport, console: Console): void {
  console.note(paragraph(validFor, 'valid for '));
  if (cannotExpress.length === 0) return;
  console.note(`${target} cannot express:`);
  for (const sentence of cannotExpress) console.note(paragraph(sentence, '- '));
}

/** A line of Python; a comment is wrapped into several. */
function comment(line: string): string {
  if (!line.startsWith('# ')) return line;
  return wrapWords(line.slice(2), WIDTH - 2)
    .map((part) => `# ${part}`)
    .join('\n');
}

/**
 * `arfuse export vllm PLAN`: the flag and the variables it needs on standard output, with `--table` the rows of vLLM's own
 * tables; what they cannot express on standard error.
 */
export async function exportVllmCommand(
  path: string,
  options: ExportVllmOptions,
  console: Console,
): Promise<number> {
  const { plan } = await planOrGraph(path, options, console);
  const { tables } = await loadConfig(options.config);
  const exported = exportVllm(plan, {
    ...(options.engineVersion === undefined ? {} : { engineVersion: options.engineVersion }),
    ...(options.mix ? { mix: options.mix } : {}),
    times: exportTimes(plan, tables),
  });
  console.document(exported);
  if (console.json) return EXIT.fine;
  if (options.table) {
    const rows = exported.table?.text ?? '# nothing is fused: no row';
    for (const line of rows.trimEnd().split('\n')) console.line(comment(line));
    return EXIT.fine;
  }
  console.line(JSON.stringify(exported.config, null, 2));
  notes(exported, console);
  console.note(paragraph(exported.limitReason, 'limit: '));
  for (const line of exported.text.trimEnd().split('\n')) console.note(line);
  return EXIT.fine;
}

/** `arfuse export sglang|tensorrt-llm|json PLAN`: the export on standard output, its notes on standard error. */
export async function exportCommand(
  target: keyof typeof EXPORTS,
  path: string,
  options: PlanOptions,
  console: Console,
): Promise<number> {
  const { plan } = await planOrGraph(path, options, console);
  const exported = EXPORTS[target](plan);
  if (target === 'json') {
    if (console.json) console.documentText(exported.text);
    else console.line(exported.text.trimEnd());
    return EXIT.fine;
  }
  console.document(exported);
  if (console.json) return EXIT.fine;
  console.line(exported.text.trimEnd());
  notes(exported, console);
  return EXIT.fine;
}
