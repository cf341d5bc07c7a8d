import type { SiteClass } from '@arfuse/contract';
import { Random, type SiteInputs, siteInputBytes, siteInputs } from '@arfuse/reference';
import type { InputBytes } from '@arfuse/runtime';

/** Random inputs of a launch. Rows repeat from `rows` on: the reference has to compute so many only. */
export interface TiledInputs {
  /** Of the first rows. */
  readonly inputs: SiteInputs;
  /** Different rows. */
  readonly rows: number;
  /** Of all rows, as device memory holds them. */
  readonly bytes: InputBytes;
}

/** Elements of all ranks' partials that are made up and computed on the CPU. */
const MOST_ELEMENTS = 2 ** 22;

function repeated(tile: Uint8Array, bytes: number): Uint8Array {
  if (bytes === tile.length) return tile;
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += tile.length)
    all.set(tile.subarray(0, Math.min(tile.length, bytes - at)), at);
  return all;
}

/** Odd, so that rows which a kernel swaps by a power of two differ. */
function differentRows(
  { hidden, stages }: SiteClass,
  ranks: number,
  tokens: number,
  most: number,
): number {
  const partials = stages.some(({ kind }) => kind === 'merge') ? 2 : 1;
  const rows = Math.max(1, Math.floor(most / (hidden * ranks * partials)));
  return rows >= tokens ? tokens : Math.max(1, rows - 1 + (rows % 2));
}

/**
 * Fresh inputs for a launch of so many tokens.
 * @param unusual - rows of every kind in turn: large, tiny, zero, infinite, NaN, …
 * @param most - elements of all ranks' partials that may differ
 */
export function tiledInputs(
  site: SiteClass,
  given: {
    readonly ranks: number;
    readonly tokens: number;
    readonly seed: number;
    readonly unusual: boolean;
    readonly most?: number;
  },
): TiledInputs {
  const { ranks, tokens, seed, unusual, most = MOST_ELEMENTS } = given;
  const rows = differentRows(site, ranks, tokens, most);
  const inputs = siteInputs(site, new Random(seed).fork(site.id), { ranks, rows, unusual });
  const { partials, shared } = siteInputBytes(inputs);
  const whole = (tile: Uint8Array): Uint8Array => repeated(tile, (tile.length / rows) * tokens);
  return {
    inputs,
    rows,
    bytes: {
      partials: partials.map((of) => of.map(whole)),
      shared: { ...shared, ...(shared.residual ? { residual: whole(shared.residual) } : {}) },
    },
  };
}
