import { fromBits, ulpDistance } from '@arfuse/reference';
import { hostChain } from './host-chain.mjs';
import { BACKENDS, openRanks } from './open-ranks.mjs';
import { CHAINS, rankPlan } from './rank-plan.mjs';

/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/reference').ResultBytes} ResultBytes */

/** Kernels whose results are the reference's bit for bit: they sum in the same order and normalise in the same tree. */
const EXACT = /^@arfuse\/(symm-mem|native)\//;

/** Whether results must be the reference's bit for bit. @param {import('@arfuse/contract').PlanSegment} segment */
export const isExact = ({ steps }) => steps.every(({ kernel }) => EXACT.test(kernel));

/** Distances in ULP that results may have, by output: what follows a norm in another order of additions is one step off. */
const MOST_ULPS = 1;

/**
 * Distances of codes in ULP, as a histogram.
 *
 * @param {import('@arfuse/contract').DType} dtype
 * @param {Uint8Array} found
 * @param {Uint8Array} expected
 * @param {Map<number, number>} histogram
 */
export function countUlps(dtype, found, expected, histogram) {
  const width = dtype === 'f32' ? 4 : dtype === 'bf16' || dtype === 'f16' ? 2 : 1;
  const view = (/** @type {Uint8Array} */ bytes) =>
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [a, b] = [view(found), view(expected)];
  const code = (/** @type {DataView} */ of, /** @type {number} */ at) =>
    width === 4 ? of.getUint32(at, true) : width === 2 ? of.getUint16(at, true) : of.getUint8(at);
  if (Buffer.compare(found, expected) === 0) {
    histogram.set(0, (histogram.get(0) ?? 0) + expected.length / width);
    return 0;
  }
  let worst = 0;
  for (let at = 0; at < expected.length; at += width) {
    const [x, y] = [code(a, at), code(b, at)];
    const ulps = x === y ? 0 : ulpDistance(dtype, fromBits(dtype, x), fromBits(dtype, y));
    histogram.set(ulps, (histogram.get(ulps) ?? 0) + 1);
    worst = Math.max(worst, ulps);
  }
  return worst;
}

/**
 * The first thing that is wrong with the results of a launch; undefined when nothing is.
 *
 * @param {SiteClass} site
 * @param {boolean} exact
 * @param {readonly ResultBytes[]} found
 * @param {readonly ResultBytes[]} expected
 * @param {Map<number, number>} histogram
 */
function firstFault(site, exact, found, expected, histogram) {
  for (const name of site.outputs) {
    for (const [rank, results] of found.entries()) {
      const [bytes, first, wanted] = [results[name], found[0]?.[name], expected[rank]?.[name]];
      if (!bytes || !first || !wanted) return `"${name}" is missing at rank ${rank}`;
      if (Buffer.compare(bytes, first) !== 0) return `ranks 0 and ${rank} differ in "${name}"`;
      if (rank > 0) continue;
      const dtype =
        name === 'quant'
          ? 'f8e4m3fn'
          : name === 'scale'
            ? bytes.length % 4 === 0 &&
              site.stages.some((s) => s.kind === 'quant' && s.scaleDtype === 'f32')
              ? 'f32'
              : 'f8e8m0fnu'
            : site.dtype;
      const worst = countUlps(dtype, bytes, wanted, histogram);
      const most = exact ? 0 : name === 'scale' && dtype === 'f32' ? 16 : MOST_ULPS;
      if (worst > most) return `"${name}" is ${worst} ULP off at rank ${rank}`;
    }
  }
  return undefined;
}

/** Bytes of the scales of a launch; see the layouts of the quantise stage. @param {SiteClass} site @param {number} rows */
export function scaleBytesOf(site, rows) {
  const quant = site.stages.find((stage) => stage.kind === 'quant');
  if (quant?.kind !== 'quant' || quant.scaleDtype === null) return undefined;
  if (quant.groupSize === null) return rows * 4;
  const words = Math.ceil(site.hidden / quant.groupSize / 4);
  return 4 * (rows + (words - 1) * 4 * Math.ceil(rows / 4));
}

/**
 * Runs every chain through a collective on ranks that share one GPU: fresh inputs, poisoned outputs, guard bands, twice.
 *
 * @param {{ collectives: readonly string[], sizes: readonly number[], hidden: readonly number[], tokens: readonly number[],
 *   dtypes: readonly ('bf16' | 'f16' | 'f32')[], capability: number, seed: number, most: number, arithmetic: import('@arfuse/native').NativeArithmetic }} given
 */
export async function runRankCases(given) {
  const { capability } = given;
  let { seed } = given;
  let passed = 0;
  /** @type {{ case: string, found: string }[]} */
  const failures = [];
  /** @type {Record<string, number>} */
  const refused = {};
  /** @type {Record<string, Map<number, number>>} */
  const ulps = {};
  for (const collective of given.collectives)
    for (const chain of CHAINS)
      for (const dtype of given.dtypes)
        for (const size of given.sizes)
          for (const hidden of given.hidden) {
            const name = `${collective}, ${chain.name}, ${dtype}, N=${size}, hidden ${hidden}`;
            const tokens = given.tokens.filter((count) => count * hidden * size <= given.most);
            const made = rankPlan({
              chain,
              dtype,
              hidden,
              size,
              tokens,
              collective,
              backends: BACKENDS,
              capability,
            });
            if ('reasons' in made) {
              for (const reason of made.reasons) {
                const kind = reason.replace(/\d[\d.]*/g, 'n');
                refused[kind] = (refused[kind] ?? 0) + 1;
              }
              continue;
            }
            const { plan } = made;
            const site = /** @type {SiteClass} */ (plan.classes[0]);
            const segment = /** @type {import('@arfuse/contract').PlanSegment} */ (
              plan.decisions[0]?.segments[0]
            );
            const exact = isExact(segment);
            const histogram = ulps[collective] ?? new Map();
            ulps[collective] = histogram;
            if (process.env.ARFUSE_GPU_VERBOSE) console.error(name, Math.round(performance.now()));
            try {
              const { ranks, close } = await openRanks(plan);
              for (const rows of tokens) {
                seed += 1;
                const { inputs, expected: one } = hostChain(
                  given.arithmetic,
                  site,
                  segment.numerics,
                  { scale: scaleBytesOf(site, rows) },
                  { ranks: size, rows, seed },
                );
                const expected = Array.from({ length: size }, () => one);
                await ranks.fill('c0', inputs);
                for (let run = 0; run < 2; run += 1) {
                  await ranks.poison('c0');
                  await ranks.launch('c0', rows);
                  const found = await ranks.read('c0', expected);
                  const fault =
                    firstFault(site, exact, found, expected, histogram) ??
                    (await ranks.strayWrite('c0', expected));
                  if (fault === undefined) passed += 1;
                  else
                    failures.push({
                      case: `${name}, ${rows} tokens, seed ${seed}, run ${run}`,
                      found: fault,
                    });
                }
              }
              await close();
            } catch (error) {
              failures.push({ case: name, found: /** @type {Error} */ (error).message });
            }
          }
  return {
    passed,
    failures,
    refused,
    ulps: Object.fromEntries(
      Object.entries(ulps).map(([name, histogram]) => [
        name,
        Object.fromEntries([...histogram].sort(([a], [b]) => a - b)),
      ]),
    ),
  };
}
