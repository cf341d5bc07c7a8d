import { UsageError } from '@arfuse/contract';
import { printPlan } from '@arfuse/core';
import { type PlanOptions, planGraph } from '../load/plan-input.ts';
import { printPlanText } from '../output/plan-text.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface PlanCommandOptions extends PlanOptions {
  readonly out?: string;
}

/** `arfuse plan GRAPH --target T [--out F]`. `--json` prints the same text as `--out` writes. */
export async function planCommand(
  path: string,
  options: PlanCommandOptions,
  console: Console,
): Promise<number> {
  if (options.out === '-' || options.out === '') {
    throw new UsageError({
      message: `--out "${options.out}" is no file.`,
      hint: 'Give a path; --json prints the plan on standard output.',
    });
  }
  const { plan } = await planGraph(path, options, console);
  if (options.out !== undefined) {
    const { writeFileWhole } = await import('../system/write-file.ts');
    await writeFileWhole(options.out, printPlan(plan));
  }
  if (console.json) console.documentText(printPlan(plan));
  else printPlanText(plan, console);
  if (options.out !== undefined) console.line(`\nwritten to ${options.out}`);
  return EXIT.fine;
}
