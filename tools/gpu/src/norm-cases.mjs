import { Random, scaleBytes } from '@arfuse/reference';

/** @typedef {import('@arfuse/native').NativeNormLaunch} Launch */
/** @typedef {import('@arfuse/native').NativeArithmetic} Arithmetic */
/** @typedef {import('@arfuse/native').NativeDtype} Dtype */

/** Runs of stages, as options of a launch. */
export const RUNS = [
  { name: 'norm', norm: {} },
  { name: 'add + norm', residual: {}, norm: {} },
  { name: 'add + norm of the unrounded sum', residual: {}, norm: { unroundedInput: true } },
  { name: 'add + norm, weight after the cast', residual: {}, norm: { weightMultiply: 'after' } },
  { name: 'Gemma', residual: {}, norm: { weightBias: 1 } },
  { name: 'float32 weight', residual: {}, norm: { weightDtype: 'f32' } },
  { name: 'no weight', residual: {}, norm: { weightDtype: null } },
  { name: 'scaled residual', residual: { factor: 0.3 }, norm: {} },
  { name: 'bias', prologues: ['bias'], residual: {}, norm: {} },
  { name: 'scale, bias, scale', prologues: [0.7, 'bias', 1.3], norm: {} },
  { name: 'sandwich', preNorm: { weightBias: 1 }, residual: {}, norm: {} },
  { name: 'residual add', residual: {} },
  { name: 'FP8 static', residual: {}, norm: {}, quant: { scheme: 'fp8_static' } },
  { name: 'FP8 token', residual: {}, norm: {}, quant: { scheme: 'fp8_token' } },
  { name: 'FP8 token, NaN lost', norm: {}, quant: { scheme: 'fp8_token', nan: 'lost' } },
  { name: 'FP8 group 64', residual: {}, norm: {}, quant: { scheme: 'fp8_group', group: 64 } },
  {
    name: 'FP8 group 128 columns',
    norm: {},
    quant: { scheme: 'fp8_group', group: 128, layout: 'column_major' },
  },
  {
    name: 'FP8 group 64 packed UE8M0',
    residual: {},
    norm: {},
    quant: {
      scheme: 'fp8_group',
      group: 64,
      scaleDtype: 'f8e8m0fnu',
      layout: 'column_major_packed',
    },
  },
  {
    name: 'Gemma, FP8 static by division',
    residual: {},
    norm: { weightBias: 1 },
    quant: { scheme: 'fp8_static', form: 'divide' },
  },
  {
    name: 'FP8 static, a scale that quotients by leave float32 for',
    norm: {},
    quant: { scheme: 'fp8_static', scale: 2 ** -130 },
  },
  {
    name: 'weight after the cast, FP8 token by reciprocal',
    residual: {},
    norm: { weightMultiply: 'after' },
    quant: { scheme: 'fp8_token', form: 'reciprocal' },
  },
  {
    name: 'FP8 token without a floor',
    residual: {},
    norm: {},
    quant: { scheme: 'fp8_token', floor: 0 },
  },
  {
    name: 'Gemma, FP8 group 128 by reciprocal',
    residual: {},
    norm: { weightBias: 1 },
    quant: { scheme: 'fp8_group', group: 128, form: 'reciprocal' },
  },
  {
    name: 'weight after the cast, FP8 group 16 UE8M0, without a floor',
    residual: {},
    norm: { weightMultiply: 'after' },
    quant: { scheme: 'fp8_group', group: 16, scaleDtype: 'f8e8m0fnu', floor: 0 },
  },
  {
    name: 'FP8 of the unrounded norm',
    residual: {},
    norm: {},
    quant: { scheme: 'fp8_static', roundedInput: false },
  },
  {
    name: 'NVFP4 swizzled',
    residual: {},
    norm: {},
    quant: { scheme: 'nvfp4', layout: 'swizzled_128x4' },
  },
  { name: 'NVFP4 linear', norm: {}, quant: { scheme: 'nvfp4', layout: 'linear' } },
];

/** Bytes of an element. @type {Record<Dtype, number>} */
const WIDTH = { bf16: 2, f16: 2, f32: 4 };

/**
 * Codes of rows: ordinary values, and rows of large, tiny, zero, infinite and NaN values.
 *
 * @param {Random} random
 * @param {Arithmetic} arithmetic
 * @param {Dtype} dtype
 * @param {number} rows
 * @param {number} hidden
 */
function activations(random, arithmetic, dtype, rows, hidden) {
  const values = new Float32Array(rows * hidden);
  const [large, tiny] = dtype === 'f16' ? [64, 2 ** -20] : [2 ** 40, 2 ** -60];
  const gains = [1, large, tiny, 0, 1, 1, -0, 1];
  for (let row = 0; row < rows; row += 1) {
    const kind = row % 8;
    const gain = /** @type {number} */ (gains[kind]);
    for (let i = 0; i < hidden; i += 1) {
      const value = (2 * random.uniform() - 1) * 3 + random.uniform();
      values[row * hidden + i] = gain === 0 ? gain : value * gain;
    }
    if (kind === 4) values[row * hidden + (row % hidden)] = Number.POSITIVE_INFINITY;
    if (kind === 5) values[row * hidden + (row % hidden)] = Number.NaN;
  }
  return codes(arithmetic, dtype, values);
}

/** @param {Arithmetic} arithmetic @param {Dtype} dtype @param {Float32Array} values */
function codes(arithmetic, dtype, values) {
  const made = dtype === 'f32' ? new Uint32Array(values.length) : new Uint16Array(values.length);
  arithmetic.encode(dtype, values, made);
  return made;
}

/**
 * A launch on the host with fresh random inputs and poisoned outputs.
 *
 * @param {import('@arfuse/native').NativeArithmetic} arithmetic
 * @param {(typeof RUNS)[number]} run
 * @param {Dtype} dtype
 * @param {number} rows
 * @param {number} hidden
 * @param {number} seed
 * @param {number} poison byte of the outputs before the launch
 * @returns {Launch | undefined} undefined where the run does not fit the shape
 */
export function launchOf(arithmetic, run, dtype, rows, hidden, seed, poison) {
  const { quant } = /** @type {any} */ (run);
  const group = quant?.group ?? (quant?.scheme === 'nvfp4' ? 16 : hidden);
  if (hidden % group !== 0) return undefined;
  const random = new Random(seed);
  const output = (/** @type {number} */ bytes) => new Uint8Array(bytes).fill(poison);
  const vector = (/** @type {Dtype} */ weightDtype, /** @type {number} */ mean) =>
    codes(
      arithmetic,
      weightDtype,
      Float32Array.from({ length: hidden }, () => mean + (random.uniform() - 0.5) * 0.5),
    );
  const norm = (/** @type {any} */ options) => {
    const weightDtype = options.weightDtype === undefined ? dtype : options.weightDtype;
    return {
      eps: 1e-5,
      weightBias: 0,
      weightMultiply: 'before',
      ...options,
      ...(weightDtype === null
        ? { weightDtype: undefined }
        : { weightDtype, weight: vector(weightDtype, 1) }),
      out: output(rows * hidden * WIDTH[dtype]),
    };
  };
  const { prologues, preNorm, residual, norm: last } = /** @type {any} */ (run);
  const bytes = rows * hidden * WIDTH[dtype];
  const launch = {
    dtype,
    rows,
    hidden,
    x: activations(random, arithmetic, dtype, rows, hidden),
    ...(prologues
      ? {
          prologues: prologues.map((/** @type {'bias' | number} */ step) =>
            step === 'bias' ? { bias: vector(dtype, 0), biasDtype: dtype } : { factor: step },
          ),
          allReduceOut: output(bytes),
        }
      : {}),
    ...(preNorm ? { preNorm: norm(preNorm) } : {}),
    ...(residual
      ? {
          residual: {
            ...residual,
            x: activations(random, arithmetic, dtype, rows, hidden),
            out: output(bytes),
          },
        }
      : {}),
    ...(last ? { norm: { unroundedInput: false, ...norm(last) } } : {}),
  };
  if (!quant) return /** @type {any} */ (launch);
  const dynamic = quant.scheme === 'fp8_token' || quant.scheme === 'fp8_group';
  const scaleDtype = quant.scheme === 'nvfp4' ? 'f8e4m3fn' : (quant.scaleDtype ?? 'f32');
  const layout = quant.layout ?? 'row_major';
  const scales = {
    dtype: scaleDtype,
    shape: [rows, hidden / group],
    data: new Float64Array((rows * hidden) / group).fill(1),
  };
  const made = {
    roundedInput: true,
    nan: 'propagate',
    form: dynamic ? 'divide' : 'reciprocal',
    ...quant,
    out: output((rows * hidden) / (quant.scheme === 'nvfp4' ? 2 : 1)),
    ...(dynamic
      ? {}
      : { scale: Float32Array.of(quant.scale ?? (quant.scheme === 'nvfp4' ? 300 : 0.01)) }),
    ...(quant.scheme === 'fp8_static'
      ? {}
      : {
          floor: quant.floor ?? (dynamic ? 1e-10 : 0),
          scaleDtype,
          layout,
          scaleOut: output(scaleBytes(scales, layout).length),
        }),
  };
  return /** @type {any} */ ({ ...launch, quant: made });
}
