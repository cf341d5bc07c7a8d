import { align } from '../device-launch.mjs';

/** @typedef {import('./norm-speed.mjs').Shape} Shape */
/** @typedef {import('./norm-speed.mjs').Form} Form */
/** @typedef {Required<import('@arfuse/native').NativeBinding>} Binding */

/** Larger than any L2: a launch finds nothing of its own data there from the round before. */
const COLD_BYTES = 512 * 2 ** 20;
const MOST_SETS = 512;
/** The weight, and one static scale at its end. */
const WEIGHT_BYTES = 2 ** 18;
const SCALE_AT = WEIGHT_BYTES - 256;
/** Random data that is repeated over all inputs. */
const NOISE_BYTES = 2 ** 22;

/** Elements that share a scale. @param {number} hidden */
export const groupOf = (hidden) => (hidden % 128 === 0 ? 128 : 64);

/** Random bf16 values of about 1, none of them special. @param {number} count @param {number} seed */
function noise(count, seed) {
  const codes = new Uint16Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Sign, exponents 2^-3 to 2^0, seven bits of significand.
    codes[i] = ((state >>> 16) & 0x8000) | ((124 + ((state >>> 8) & 3)) << 7) | (state & 0x7f);
  }
  return codes;
}

/** The buffers of many launches of one shape and form, filled with random values. */
export class NormBuffers {
  /** Bytes read and written by one launch, weights left out. */
  bytes;
  sets;
  /** @type {Binding} */
  #binding;
  #memory;
  #shape;
  #form;
  #set;
  #activations;

  /** @param {Binding} binding @param {Shape} shape @param {Form} form */
  constructor(binding, shape, form) {
    const { rows, hidden } = shape;
    this.#binding = binding;
    this.#shape = shape;
    this.#form = form;
    this.#activations = rows * hidden * 2;
    const scales =
      form === 'fp8 token'
        ? rows * 4
        : form === 'fp8 group'
          ? (rows * hidden * 4) / groupOf(hidden)
          : 0;
    const out = form === 'norm' ? this.#activations : rows * hidden;
    this.bytes = 3 * this.#activations + out + scales;
    this.#set = 4 * align(this.#activations) + align(scales) + 256;
    this.sets = Math.max(2, Math.min(MOST_SETS, Math.ceil(COLD_BYTES / this.#set)));
    this.#memory = new binding.DeviceMemory(0, WEIGHT_BYTES + this.sets * this.#set);
  }

  /** @param {number} offset */
  #at(offset) {
    return { memory: this.#memory, offset };
  }

  /** @param {number} set @param {number} slot 0 x, 1 residual, 2 sum, 3 result, 4 scales */
  #place(set, slot) {
    return this.#at(WEIGHT_BYTES + set * this.#set + slot * align(this.#activations));
  }

  /** @param {import('@arfuse/native').NativeStream} stream @param {number} seed */
  async fill(stream, seed) {
    const size = this.#memory.bytes;
    const count = Math.min(NOISE_BYTES, size);
    stream.write(this.#at(0), noise(Math.floor(count / 2), seed));
    stream.write(this.#at(SCALE_AT), Float32Array.of(0.01));
    for (let at = count; at < size; at += count)
      stream.copy(this.#at(at), this.#at(0), Math.min(count, size - at));
    await stream.sync();
  }

  /**
   * The launch on one set of buffers.
   *
   * @param {number} set
   * @returns {any} an `OnDevice<NativeNormLaunch>`
   */
  launch(set) {
    const { rows, hidden } = this.#shape;
    const form = this.#form;
    const quantised = form !== 'norm';
    return {
      dtype: 'bf16',
      rows,
      hidden,
      x: this.#place(set, 0),
      residual: { x: this.#place(set, 1), out: this.#place(set, 2) },
      norm: {
        eps: 1e-5,
        weightBias: 0,
        weightMultiply: 'before',
        weight: this.#at(0),
        weightDtype: 'bf16',
        unroundedInput: false,
        ...(quantised ? {} : { out: this.#place(set, 3) }),
      },
      ...(quantised
        ? {
            quant: {
              scheme: form.replace(' ', '_'),
              roundedInput: true,
              nan: 'propagate',
              form: 'reciprocal',
              out: this.#place(set, 3),
              ...(form === 'fp8 static'
                ? { scale: this.#at(SCALE_AT) }
                : {
                    floor: 1e-12,
                    scaleDtype: 'f32',
                    layout: 'row_major',
                    scaleOut: this.#place(set, 4),
                    ...(form === 'fp8 group' ? { group: groupOf(hidden) } : {}),
                  }),
            },
          }
        : {}),
    };
  }

  /** A copy of as many bytes as the launch reads and writes. @param {number} set */
  copy(set) {
    return {
      from: this.#place(set, 0),
      to: this.#place(set, 2),
      count: Math.floor(this.bytes / 512) * 256,
    };
  }

  /**
   * The same launch of the first rows on the host, with the device's inputs in its arrays and poisoned results; and what the
   * device has in their place.
   *
   * @param {import('@arfuse/native').NativeStream} stream
   * @param {number} set
   * @param {number} rows
   */
  async onHost(stream, set, rows) {
    const launch = { ...this.launch(set), rows };
    /** @type {{ host: Uint8Array, place: import('@arfuse/contract').DevicePlace }[]} */
    const outputs = [];
    const { hidden } = launch;
    /** @type {<A extends NodeJS.TypedArray>(place: import('@arfuse/contract').DevicePlace, array: A) => A} */
    const read = (place, array) => {
      stream.read(place, array);
      return array;
    };
    const output = (
      /** @type {import('@arfuse/contract').DevicePlace} */ place,
      /** @type {number} */ bytes,
    ) => {
      const host = new Uint8Array(bytes).fill(0xa5);
      outputs.push({ host, place });
      return host;
    };
    const { residual, norm, quant } = launch;
    const scales = quant?.scaleOut
      ? rows * 4 * (quant.scheme === 'fp8_group' ? hidden / quant.group : 1)
      : 0;
    const host = {
      ...launch,
      x: read(launch.x, new Uint16Array(rows * hidden)),
      residual: {
        x: read(residual.x, new Uint16Array(rows * hidden)),
        out: output(residual.out, rows * hidden * 2),
      },
      norm: {
        ...norm,
        weight: read(norm.weight, new Uint16Array(hidden)),
        ...(norm.out ? { out: output(norm.out, rows * hidden * 2) } : {}),
      },
      ...(quant
        ? {
            quant: {
              ...quant,
              out: output(quant.out, rows * hidden),
              ...(quant.scale ? { scale: read(quant.scale, new Float32Array(1)) } : {}),
              ...(scales > 0 ? { scaleOut: output(quant.scaleOut, scales) } : {}),
            },
          }
        : {}),
    };
    await stream.sync();
    this.#binding.arithmetic.norm(host);
    const found = outputs.map(({ host: wanted, place }) => {
      const device = new Uint8Array(wanted.length);
      stream.read(place, device);
      return { wanted, device };
    });
    await stream.sync();
    return found;
  }

  close() {
    this.#memory.close();
  }
}
