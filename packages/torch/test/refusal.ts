import { ArfuseError } from '@arfuse/contract';
import type { ImportOptions } from '../src/importer.ts';
import { type GraphInput, readGraph } from '../src/read-graph.ts';

/** The typed error with which an input is refused; anything else fails the test. */
export async function refusal(
  input: GraphInput,
  options: ImportOptions = {},
): Promise<ArfuseError> {
  try {
    await readGraph(input, options);
  } catch (error) {
    if (ArfuseError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('the input was accepted');
}
