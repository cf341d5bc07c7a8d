import { align } from './device-launch.mjs';

/** @typedef {{ rows: number, hidden: number }} Shape */
/** @typedef {'norm' | 'fp8 static' | 'fp8 token'} Form */

/** Add, norm, and what follows. @type {readonly Form[]} */
export const FORMS = ['norm', 'fp8 static', 'fp8 token'];

const ROWS = [1, 16, 128, 1024, 4096, 16_384];
const HIDDEN = [2880, 4096, 5120, 7168, 8192];

/** @param {boolean} quick @returns {Shape[]} */
export function shapes(quick) {
  const hiddens = quick ? [2880, 4096, 8192] : HIDDEN;
  return hiddens.flatMap((hidden) =>
    (quick ? [1, 128, 4096] : ROWS).map((rows) => ({ rows, hidden })),
  );
}

/** Larger than any L2: a launch finds nothing of its own data there from the round before. */
const COLD_BYTES = 512 * 2 ** 20;
const ROUNDS = 15;
const WEIGHT_BYTES = 2 ** 18;

/** One shape and form: a graph of launches over data that is cold in L2, and one of copies of as many bytes. */
export class SpeedRun {
  /** Bytes read and written by one launch, weights left out. */
  bytes;
  #binding;
  #memory;
  #launches;
  #copies;

  /**
   * @param {Required<import('@arfuse/native').NativeBinding>} binding
   * @param {Shape} shape
   * @param {Form} form
   */
  constructor(binding, { rows, hidden }, form) {
    this.#binding = binding;
    const activations = rows * hidden * 2;
    const out = form === 'norm' ? activations : rows * hidden;
    const scales = form === 'fp8 token' ? rows * 4 : 0;
    this.bytes = 3 * activations + out + scales;
    const set = 4 * align(activations) + align(scales) + 256;
    const sets = Math.max(2, Math.min(512, Math.ceil(COLD_BYTES / set)));
    const memory = new binding.DeviceMemory(0, WEIGHT_BYTES + sets * set);
    this.#memory = memory;
    const at = (/** @type {number} */ offset) => ({ memory, offset });
    this.#launches = Array.from({ length: sets }, (_, i) => {
      const base = WEIGHT_BYTES + i * set;
      const place = (/** @type {number} */ slot) => at(base + slot * align(activations));
      const quant = {
        scheme: form === 'fp8 static' ? 'fp8_static' : 'fp8_token',
        roundedInput: true,
        nan: 'propagate',
        form: 'reciprocal',
        out: place(3),
        ...(form === 'fp8 static'
          ? { scale: at(WEIGHT_BYTES - 256) }
          : { floor: 1e-12, scaleDtype: 'f32', layout: 'row_major', scaleOut: place(4) }),
      };
      return {
        dtype: 'bf16',
        rows,
        hidden,
        x: place(0),
        residual: { x: place(1), out: place(2) },
        norm: {
          eps: 1e-5,
          weightBias: 0,
          weightMultiply: 'before',
          weight: at(0),
          weightDtype: 'bf16',
          unroundedInput: false,
          ...(form === 'norm' ? { out: place(3) } : {}),
        },
        ...(form === 'norm' ? {} : { quant }),
      };
    });
    const half = Math.floor(this.bytes / 2 / 16) * 16;
    this.#copies = Array.from({ length: sets }, (_, i) => {
      const base = WEIGHT_BYTES + i * set;
      return { from: at(base), to: at(base + 2 * align(activations)), count: half };
    });
  }

  /** @returns {Promise<{ norm: number[], copy: number[] }>} µs of one launch, one figure per round */
  async measure() {
    const { Stream, Event } = this.#binding;
    const stream = new Stream(0);
    // bf16 of about 1, so that no row is special.
    stream.fill({ memory: this.#memory, offset: 0 }, 0x3f, this.#memory.bytes);
    const capture = (/** @type {() => void} */ enqueue) => {
      stream.beginCapture();
      enqueue();
      return stream.endCapture();
    };
    const launches = /** @type {any[]} */ (this.#launches);
    const graphs = [
      capture(() => {
        for (const launch of launches) stream.norm(launch);
      }),
      capture(() => {
        for (const { to, from, count } of this.#copies) stream.copy(to, from, count);
      }),
    ];
    /** @type {number[][]} */
    const times = [[], []];
    const [start, end] = [new Event(0), new Event(0)];
    for (let round = -3; round < ROUNDS; round += 1) {
      for (const [i, graph] of graphs.entries()) {
        stream.record(start);
        stream.launch(graph);
        stream.record(end);
        await stream.sync();
        if (round >= 0) times[i]?.push((end.elapsed(start) * 1000) / launches.length);
      }
    }
    for (const graph of graphs) graph.close();
    const [norm = [], copy = []] = times;
    return { norm, copy };
  }

  close() {
    this.#memory.close();
  }
}
