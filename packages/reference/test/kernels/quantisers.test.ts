import { expect, it } from 'vitest';
import { quantiserOracle, scaleBytes, tensorBytes } from '../../src/index.ts';
import { quantise } from '../../src/kernels/quantise.ts';
import { QUANTISERS, tensor } from '../support.ts';

const row = (values: readonly number[], hidden = 16): Float64Array =>
  Float64Array.from({ length: hidden }, (_, i) => values[i] ?? 0);

it('saturates static FP8 at ±448 and keeps NaN', () => {
  const x = row([1, 100, -100, Number.NaN, Number.POSITIVE_INFINITY, 0.001]);
  const { quant, scale } = quantise(x, 1, 16, QUANTISERS.static, 'propagate', 0.125);
  expect([...quant.data.subarray(0, 6)]).toEqual([8, 448, -448, Number.NaN, 448, 0.0078125]);
  expect(scale).toBeUndefined();
});

it('multiplies by the rounded reciprocal, or divides, as the site says', () => {
  // The float32 reciprocal of the scale is a little too large: the product passes the midpoint that the quotient stays on.
  const differ: number[] = [];
  for (let i = 1; i < 4096; i += 1) {
    const given = Math.fround(i / 1024);
    const x = row([Math.fround(given * 17), Math.fround(given * 19), Math.fround(given * 25)]);
    const product = quantise(x, 1, 16, QUANTISERS.static, 'propagate', given).quant.data;
    const quotient = quantise(
      x,
      1,
      16,
      { ...QUANTISERS.static, scaleForm: 'divide' },
      'propagate',
      given,
    ).quant.data;
    if (product.some((value, at) => value !== quotient[at])) differ.push(i);
  }
  expect(differ.length).toBeGreaterThan(0);
});

it('scales a token by its largest element, not below the floor', () => {
  const { quant, scale } = quantise(
    row([448, -224, 1]),
    1,
    16,
    QUANTISERS.token,
    'lost',
    undefined,
  );
  expect([...scale!.data]).toEqual([1]);
  expect([...quant.data.subarray(0, 3)]).toEqual([448, -224, 1]);
  const zero = quantise(row([]), 1, 16, QUANTISERS.token, 'lost', undefined);
  expect([...zero.scale!.data]).toEqual([Math.fround(1 / 512 / 448)]);
});

it('loses NaN in dynamic FP8: -448 with the smallest scale', () => {
  const nan = Float64Array.from({ length: 16 }, () => Number.NaN);
  const { quant, scale } = quantise(nan, 1, 16, QUANTISERS.token, 'lost', undefined);
  expect([...scale!.data]).toEqual([Math.fround(1 / 512 / 448)]);
  expect(new Set(quant.data)).toEqual(new Set([-448]));
});

it('divides an infinite row by infinity, whose UE8M0 code is that of NaN', () => {
  const x = row([Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY]);
  for (const attributes of [QUANTISERS.token, QUANTISERS.packed]) {
    const { quant, scale } = quantise(x, 1, 16, attributes, 'lost', undefined);
    expect([...quant.data.subarray(0, 4)]).toEqual([-448, 0, -448, 0]);
    const isPacked = attributes === QUANTISERS.packed;
    expect([...scale!.data]).toEqual([isPacked ? Number.NaN : Number.POSITIVE_INFINITY]);
    const oracle = quantiserOracle(tensor('bf16', [1, 16], [...x]), attributes, 'lost', undefined);
    expect(oracle.quant!.data).toEqual(quant.data);
    expect(oracle.scale!.data).toEqual(scale!.data);
  }
});

it('gives an NVFP4 block of NaN a NaN scale and +6, and passes over NaN beside numbers', () => {
  const nan = Float64Array.from({ length: 16 }, () => Number.NaN);
  const lost = quantise(nan, 1, 16, QUANTISERS.nvfp4, 'lost', 448);
  expect([...tensorBytes(lost.scale!)]).toEqual([0x7f]);
  expect([...tensorBytes(lost.quant)]).toEqual(Array.from({ length: 8 }, () => 0x77));
  const some = quantise(row([Number.NaN, 6, -3]), 1, 16, QUANTISERS.nvfp4, 'lost', 448);
  expect([...some.scale!.data, ...some.quant.data.subarray(0, 3)]).toEqual([448, 6, 6, -3]);
});

it('raises a UE8M0 scale to a power of two', () => {
  const { quant, scale } = quantise(row([449]), 1, 16, QUANTISERS.packed, 'lost', undefined);
  expect([...scale!.data]).toEqual([2]);
  expect(quant.data[0]).toBe(224);
  expect([...quantise(row([]), 1, 16, QUANTISERS.packed, 'lost', undefined).scale!.data]).toEqual([
    2 ** -33,
  ]);
});

it('scales NVFP4 blocks by e4m3 of the global scale times a sixth of the largest element', () => {
  const { quant, scale } = quantise(
    row([6, -3, 1, 0.5, 0.2]),
    1,
    16,
    QUANTISERS.nvfp4,
    'lost',
    448,
  );
  expect([...scale!.data]).toEqual([448]);
  expect([...quant.data.subarray(0, 5)]).toEqual([6, -3, 1, 0.5, 0]);
  // Largest element 0: scale and elements are 0.
  const zero = quantise(row([]), 1, 16, QUANTISERS.nvfp4, 'lost', 448);
  expect([...zero.scale!.data, ...zero.quant.data]).toEqual(Array.from({ length: 17 }, () => 0));
  // Two elements to a byte, the first in the low nibble.
  expect([...tensorBytes(quant).subarray(0, 2)]).toEqual([0xd7, 0x12]);
});

it('agrees with the oracle on the same row', () => {
  const x = tensor(
    'bf16',
    [1, 32],
    Array.from({ length: 32 }, (_, i) => (i - 11) * 0.375),
  );
  for (const attributes of Object.values(QUANTISERS)) {
    const { quant, scale } = quantise(x.data, 1, 32, attributes, 'lost', 0.25);
    const expected = quantiserOracle(x, attributes, 'lost', 0.25);
    expect(quant).toEqual(expected.quant);
    expect(scale?.data).toEqual(expected.scale?.data);
  }
});

it('packs UE8M0 scales four to a word, words column by column, rows padded to four', () => {
  // 3 rows, 5 groups: the exponent byte of 2^0 is 127.
  const scales = tensor(
    'f8e8m0fnu',
    [3, 5],
    Array.from({ length: 15 }, (_, i) => 2 ** i),
  );
  const bytes = scaleBytes(scales, 'column_major_packed');
  expect(bytes.length).toBe(4 * (3 + 4));
  expect([...bytes.subarray(0, 4)]).toEqual([127, 128, 129, 130]);
  expect([...bytes.subarray(4, 8)]).toEqual([132, 133, 134, 135]);
  // The padding row, then the fifth group of each row with three empty bytes.
  expect([...bytes.subarray(12)]).toEqual([0, 0, 0, 0, 131, 0, 0, 0, 136, 0, 0, 0, 141, 0, 0, 0]);
});

it('swizzles NVFP4 scales into tiles of 128 × 4', () => {
  const [rows, groups] = [130, 5];
  const scales = tensor(
    'f8e4m3fn',
    [rows, groups],
    Array.from({ length: rows * groups }, (_, i) => ((i % 7) + 1) / 8),
  );
  const bytes = scaleBytes(scales, 'swizzled_128x4');
  expect(bytes.length).toBe(256 * 8);
  const codes = tensorBytes(scales);
  const places = new Set<number>();
  for (let m = 0; m < rows; m += 1) {
    for (let k = 0; k < groups; k += 1) {
      // Tile by tile (two across), in a tile 32 rows of 16 bytes, four row groups of four scales.
      const tile = Math.floor(m / 128) * 2 + Math.floor(k / 4);
      const place = tile * 512 + (m % 32) * 16 + Math.floor((m % 128) / 32) * 4 + (k % 4);
      expect(bytes[place]).toBe(codes[m * groups + k]);
      places.add(place);
    }
  }
  expect(places.size).toBe(rows * groups);
  expect(bytes.filter((byte, at) => byte !== 0 && !places.has(at)).length).toBe(0);
});

it('puts the scales of a swizzled tile where the block-scaled tensor cores read them', () => {
  // Row m of a tile: 16 bytes per row modulo 32, four bytes per block of 32 rows, one byte per group.
  const scales = tensor(
    'f8e4m3fn',
    [129, 6],
    Array.from({ length: 129 * 6 }, () => 0),
  );
  const places: readonly (readonly [row: number, group: number, byte: number])[] = [
    [0, 0, 0],
    [0, 3, 3],
    [1, 0, 16],
    [31, 2, 498],
    [32, 0, 4],
    [33, 1, 21],
    [64, 0, 8],
    [127, 3, 511],
    [0, 4, 512],
    [5, 5, 593],
    [128, 0, 1024],
    [128, 4, 1536],
  ];
  for (const [at, group, byte] of places) {
    const one = scales.data.slice();
    one[at * 6 + group] = 1;
    const bytes = scaleBytes({ ...scales, data: one }, 'swizzled_128x4');
    expect(bytes.length).toBe(2048);
    expect([bytes.indexOf(0x38), bytes.lastIndexOf(0x38)]).toEqual([byte, byte]);
  }
});

it('stores float32 scales row by row or column by column', () => {
  const scales = tensor('f32', [2, 3], [1, 2, 3, 4, 5, 6]);
  const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.buffer)];
  expect(floats(scaleBytes(scales, 'row_major'))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(floats(scaleBytes(scales, 'column_major'))).toEqual([1, 4, 2, 5, 3, 6]);
  expect(() => scaleBytes(scales, 'none')).toThrow(/stores no scales/);
});
