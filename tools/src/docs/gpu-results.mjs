import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {import('../../gpu/src/speed/samples.mjs').Times} Times */
/** @typedef {{ rows: number, hidden: number, form: string, bytes: number, norm: Times, copy: Times, torch?: Times }} NormRow */
/** @typedef {{ device: string, cuda: string, date: string }} Facts */
/**
 * @typedef {Facts & { sections: {
 *   norm?: { torch?: string, rows: NormRow[] },
 *   launch?: {
 *     launch: { batch: number, node: Times, native: Times, overUs: number },
 *     heap: { launches: number, bytesPerLaunch: number, mostBytesPerLaunch: number },
 *     step: { sites: number, ranks: number, tokens: number, hidden: number, call: Times },
 *   },
 *   collectives?: { sites: number, rows: { collective: string, size: number, tokens: number, hidden: number, site?: Times, refused?: string[] }[] },
 *   fused?: { flashinfer: string, rows: { shot: string, size: number, tokens: number, hidden: number, launch: Times }[] } | null,
 * } }} Bench
 */
/** @typedef {Facts & { passed: number, failures: unknown[], seed: number }} Test */

/**
 * The committed results of GPU programs, oldest GPU first.
 *
 * @param {string} folder
 * @returns {{ benches: Bench[], tests: Test[], proofs: import('./gpu-proof.mjs').Proof[], soaks: import('./gpu-proof.mjs').Soak[],
 *   pairs: import('./gpu-pair.mjs').Pair[] }}
 */
export function gpuResults(folder) {
  const files = readdirSync(folder)
    .filter((name) => /^gpu-.*\.json$/.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const of = (/** @type {string} */ suite) => files.filter((file) => file.suite === suite);
  return {
    benches: of('gpu bench'),
    tests: of('norm conformance'),
    proofs: of('conformance on one GPU'),
    soaks: of('soak on one GPU'),
    pairs: of('two GPUs'),
  };
}
