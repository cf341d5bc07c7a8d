import { caseInputs, hostExpect } from '@arfuse/conformance';

/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/runtime').InputBytes} InputBytes */
/** @typedef {import('@arfuse/runtime').OutputBytes} OutputBytes */

/**
 * Ordinary inputs of a site, and what its chain leaves on every rank by arfuse's arithmetic on the host.
 *
 * @param {import('@arfuse/native').NativeArithmetic} arithmetic
 * @param {SiteClass} site
 * @param {import('@arfuse/contract').NumericsRecord} numerics
 * @param {{ ranks: number, rows: number, seed: number }} given
 * @returns {{ inputs: InputBytes, expected: OutputBytes }}
 */
export function hostChain(arithmetic, site, numerics, { ranks, rows, seed }) {
  const asked = {
    site,
    segment: { steps: [], numerics },
    size: ranks,
    tokens: rows,
    seed,
    kind: /** @type {const} */ ('vector'),
  };
  // On the host nothing has to be waited for.
  const expected = /** @type {OutputBytes} */ (hostExpect(arithmetic)(asked));
  return { inputs: caseInputs(asked), expected };
}
