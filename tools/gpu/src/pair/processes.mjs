import { runProcessCase } from '../processes/process-cases.mjs';
import { staysHeld } from './kernels.mjs';

/** Their results follow from the sum in one step, so that a bound in ULP holds for each. */
const CHAINS = ['add + norm', 'all-reduce', 'Gemma'];
const LAST = 1;

/**
 * One process per rank, each with a GPU of its own: chains by every kernel, a rank that does not launch, and one that dies.
 *
 * @param {{ kernels: readonly string[], nccl: string, capability: number, seed: number, quick: boolean, ended: () => boolean,
 *   run?: typeof runProcessCase, onCase?: (result: object) => void }} given nccl: NCCL's release
 */
export async function pairProcesses({
  kernels,
  nccl,
  capability,
  seed,
  quick,
  ended,
  run = runProcessCase,
  onCase,
}) {
  const cases = kernels.flatMap((collective) => [
    ...(quick ? CHAINS.slice(0, 1) : CHAINS).map((chain) => ({
      name: chain,
      collective,
      chain,
      // Two-shot takes more tokens than ranks.
      tokens: quick ? [16] : [collective.endsWith('/two-shot') ? 3 : 1, 16, 129],
      runs: 2,
    })),
    ...(quick ? [] : [{ late: LAST }, { dies: LAST }]).map((change) => ({
      name: 'late' in change ? 'a rank that does not launch' : 'a rank that dies',
      collective,
      chain: 'add + norm',
      tokens: [16],
      runs: 1,
      ...change,
    })),
  ]);
  const results = [];
  for (const [at, { name, ...one }] of cases.entries()) {
    if (ended()) return { complete: false, results };
    const task = {
      ...one,
      holds: staysHeld(one.collective, nccl),
      dtype: /** @type {const} */ ('bf16'),
      hidden: 4096,
      seed: seed + 1000 * at,
      capability,
      ownGpus: true,
    };
    const found = await run(task, { size: 2, seconds: 60 });
    const result = { kernel: one.collective, case: name, seed: task.seed, ...found };
    results.push(result);
    onCase?.(result);
  }
  return { complete: true, results };
}
