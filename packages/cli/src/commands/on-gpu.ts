import { ArfuseError } from '@arfuse/contract';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';
import { interruptible } from '../system/interrupt.ts';

/** Codes of errors that say what GPUs need and is not there. */
const ABSENT = 'ARFUSE_NATIVE';

/**
 * Does something on GPUs. Without one it says so in a sentence and ends with exit code 3; Ctrl-C closes everything and ends with
 * 130.
 */
export async function onGpu(
  console: Console,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  return await interruptible(async (signal) => {
    try {
      return await work(signal);
    } catch (error) {
      if (!ArfuseError.isInstance(error) || error.code !== ABSENT) throw error;
      console.document({ error: error.toJSON() });
      console.note(paragraph(`no GPU to run on: ${error.message}`, '', 2));
      console.note(
        '`arfuse doctor` shows each part; `--on reference` simulates the ranks on the CPU.',
      );
      return EXIT.noGpu;
    }
  });
}
