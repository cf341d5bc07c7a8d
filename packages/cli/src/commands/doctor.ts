import { TargetError } from '@arfuse/contract';
import { examineMachine } from '@arfuse/core';
import { configuredBackends } from '../load/backends.ts';
import { loadConfig } from '../load/config.ts';
import { printMachine } from '../output/machine-text.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface DoctorCommandOptions {
  readonly target?: boolean;
  readonly world?: number;
  readonly config?: string;
}

/**
 * `arfuse doctor`: what this machine has, what is wrong, and what to do. Exit code 3 when no plan could run on a GPU.
 * @param env - of the child that probes
 */
export async function doctorCommand(
  options: DoctorCommandOptions,
  console: Console,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { world } = options;
  const config = await loadConfig(options.config);
  const { probeMachine } = await import('@arfuse/native');
  const probe = await console.progress('probing', () => probeMachine({ env }));
  const report = examineMachine(probe, {
    use: configuredBackends(config),
    ...(config.tables ? { tables: config.tables } : {}),
    ...(world === undefined ? {} : { world }),
  });
  const code = report.usable ? EXIT.fine : EXIT.noGpu;
  if (!options.target) {
    console.document(report);
    printMachine(report, console);
    return code;
  }
  if (report.target === null) {
    const [finding] = report.findings;
    const error = new TargetError({
      message: `no target can be told of this machine: ${finding?.what ?? report.interconnect.reason}`,
      hint: 'Write it by hand, e.g. h200-sxm,world=8; `arfuse doctor` shows what is known.',
    });
    if (report.usable) throw error;
    console.document({ error: error.toJSON() });
    console.note(paragraph(error.message, '', 2));
    return code;
  }
  console.document({ target: report.target });
  console.line(report.target);
  return code;
}
