import { type KernelOffer, NUMERICS_FIELDS, type NumericsRecord } from '@arfuse/contract';

/**
 * The record of several steps: what no step decides stays as the site has it, a later step overrides an earlier one,
 * one step that loses NaN loses it for all, and one whose geometry follows the row count makes all depend on it.
 */
export function joinNumerics(
  site: NumericsRecord,
  offers: readonly KernelOffer[],
  mergedPartials: boolean,
): NumericsRecord {
  let joined: NumericsRecord = { ...site, geometryInvariant: true };
  let geometryInvariant = true;
  let lost = false;
  for (const { numerics } of offers) {
    joined = { ...joined, ...numerics };
    geometryInvariant &&= numerics.geometryInvariant !== false;
    lost ||= numerics.nan === 'lost';
  }
  return { ...joined, geometryInvariant, mergedPartials, nan: lost ? 'lost' : joined.nan };
}

/** Equal for equal records. */
export function numericsKey(numerics: NumericsRecord): string {
  let key = '';
  for (const field of NUMERICS_FIELDS) key += `${String(numerics[field])} `;
  return key;
}
