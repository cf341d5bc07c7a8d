import { findStage, itemsize } from '@arfuse/contract';
import { normLaunch } from '@arfuse/native';
import { Random } from '@arfuse/reference';

/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/contract').SiteOutput} SiteOutput */
/** @typedef {import('@arfuse/runtime').InputBytes} InputBytes */
/** @typedef {import('@arfuse/runtime').OutputBytes} OutputBytes */
/** @typedef {Uint16Array | Uint32Array} Codes */

/** Exponents of made-up values: about 2^-7 to 2^2, all of them finite and most of them ordinary. */
const EXPONENTS = { bf16: [120, 10, 7], f16: [8, 10, 10], f32: [120, 10, 23] };

/**
 * Random codes of finite values; the reference's own generator of rows takes minutes for what a GPU is asked.
 *
 * @param {'bf16' | 'f16' | 'f32'} dtype
 * @param {number} count
 * @param {Random} random
 * @returns {Codes}
 */
function randomCodes(dtype, count, random) {
  const codes = dtype === 'f32' ? new Uint32Array(count) : new Uint16Array(count);
  const [least = 0, range = 1, bits = 7] = EXPONENTS[dtype];
  const signBit = 2 ** (dtype === 'f32' ? 31 : 15);
  for (let i = 0; i < count; i += 1) {
    const word = random.word();
    const exponent = least + ((word >>> 24) % range);
    const magnitude = exponent * 2 ** bits + (word & (2 ** bits - 1));
    codes[i] = ((word >>> 23) & 1 ? signBit : 0) + magnitude;
  }
  return codes;
}

const bytesOf = (/** @type {ArrayBufferView} */ view) =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/**
 * Random inputs of a site, and what its chain leaves on every rank by arfuse's arithmetic on the host.
 *
 * @param {import('@arfuse/native').NativeArithmetic} arithmetic
 * @param {SiteClass} site
 * @param {import('@arfuse/contract').NumericsRecord} numerics
 * @param {{ readonly scale?: number | undefined }} sizes bytes of the scales
 * @param {{ ranks: number, rows: number, seed: number }} given
 * @returns {{ inputs: InputBytes, expected: OutputBytes }}
 */
export function hostChain(arithmetic, site, numerics, sizes, { ranks, rows, seed }) {
  const { dtype, hidden, stages } = site;
  const random = new Random(seed);
  const elements = rows * hidden;
  const codes = (/** @type {number} */ count) => randomCodes(dtype, count, random);
  const add = (/** @type {Codes[]} */ partials) => {
    const out = dtype === 'f32' ? new Uint32Array(elements) : new Uint16Array(elements);
    arithmetic.allReduce({ dtype, elements, rounds: false, partials, out });
    return out;
  };
  const merged = stages.some(({ kind }) => kind === 'merge');
  const partials = Array.from({ length: ranks }, () =>
    Array.from({ length: merged ? 2 : 1 }, () => codes(elements)),
  );
  const reduced = add(partials.map((of) => (merged ? add(of) : /** @type {Codes} */ (of[0]))));
  const rest = stages.filter(({ kind }) => kind !== 'merge' && kind !== 'all_reduce');
  const quant = findStage(stages, 'quant');
  /** @type {Record<string, ArrayBufferView>} */
  const shared = {
    ...(findStage(stages, 'residual') ? { residual: codes(elements) } : {}),
    ...(findStage(stages, 'norm') ? { weight: codes(hidden) } : {}),
    ...(findStage(stages, 'pre_norm') ? { preNormWeight: codes(hidden) } : {}),
    ...(quant?.scaleDtype === null ? { scale: Float32Array.of(0.01) } : {}),
  };
  /** @type {Record<string, ArrayBufferView>} */
  const results = { all_reduce: reduced };
  for (const name of /** @type {SiteOutput[]} */ ([
    'pre_norm',
    'residual',
    'norm',
    'quant',
    'scale',
  ])) {
    const size =
      name === 'quant'
        ? elements
        : name === 'scale'
          ? (sizes.scale ?? 0)
          : elements * itemsize(dtype);
    if (size > 0) results[name] = new Uint8Array(size);
  }
  if (rest.length > 0) {
    // A launch on the host has arrays where one on the GPU has places.
    const step = /** @type {import('@arfuse/contract').BoundStep} */ (
      /** @type {unknown} */ ({
        kernel: '@arfuse/native/norm',
        stages: rest,
        outputs: Object.keys(results),
        numerics,
        hidden,
        dtype,
        rows: { min: rows, max: rows },
        inputs: [reduced],
        results,
        ...shared,
      })
    );
    arithmetic.norm(
      /** @type {import('@arfuse/native').NativeNormLaunch} */ (
        /** @type {unknown} */ (normLaunch(step))
      ),
    );
  }
  return {
    inputs: {
      partials: partials.map((of) => of.map(bytesOf)),
      shared: Object.fromEntries(
        Object.entries(shared).map(([name, value]) => [name, bytesOf(value)]),
      ),
    },
    expected: Object.fromEntries(
      site.outputs.flatMap((name) => {
        const value = results[name];
        return value ? [[name, bytesOf(value)]] : [];
      }),
    ),
  };
}
