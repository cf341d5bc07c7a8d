import { brokenGuards, toDevice } from './device-launch.mjs';
import { launchOf, RUNS } from './norm-cases.mjs';

/** @type {import('@arfuse/native').NativeDtype[]} */
const DTYPES = ['bf16', 'f16', 'f32'];
const HIDDEN = [64, 360, 1024, 2560, 2880, 4096, 5120, 7168, 8192, 16_384, 40_000, 65_528, 65_536];
/** From 257 on, and from 513, launches have another shape. */
const ROWS = [1, 2, 3, 7, 16, 63, 257, 513];

/** Elements of the largest case. */
const MOST = { full: 2_200_000, quick: 100_000 };

/**
 * First difference between the host's buffers and the device's; undefined when all bytes are equal.
 *
 * @param {import('@arfuse/native').CudaBinding} binding
 * @param {import('@arfuse/native').NativeStream} stream
 * @param {import('@arfuse/native').NativeNormLaunch} host
 * @param {number} seed
 */
async function difference(binding, stream, host, seed) {
  const placed = toDevice(binding, stream, 0, host);
  stream.norm(placed.launch);
  const image = new Uint8Array(placed.size);
  stream.read({ memory: placed.memory, offset: 0 }, image);
  await stream.sync();
  binding.arithmetic.norm(host);
  const guard = brokenGuards(image, placed.buffers);
  let found =
    guard === undefined ? undefined : `a byte outside of every buffer was written, at ${guard}`;
  for (const { host: expected, offset } of placed.buffers) {
    if (found !== undefined) break;
    const actual = image.subarray(offset, offset + expected.length);
    if (Buffer.compare(actual, expected) === 0) continue;
    const index = expected.findIndex((byte, i) => byte !== actual[i]);
    found = `buffer of ${expected.length} bytes differs at ${index}: ${actual[index]}, not ${expected[index]} (seed ${seed})`;
  }
  placed.memory.close();
  return found;
}

/**
 * Every run × dtype × shape of the norm kernel on fresh random inputs, outputs poisoned and between guard bands, compared byte
 * by byte with the same arithmetic on the host.
 *
 * @param {import('@arfuse/native').CudaBinding} binding
 * @param {{ quick: boolean, seed: number }} given
 */
export async function runNormCases(binding, { quick, seed: first }) {
  const stream = new binding.Stream(0);
  const most = quick ? MOST.quick : MOST.full;
  let passed = 0;
  let seed = first;
  const failures = [];
  for (const run of RUNS)
    for (const dtype of DTYPES)
      for (const hidden of HIDDEN)
        for (const rows of ROWS) {
          if (rows * hidden > most) continue;
          seed += 1;
          const host = launchOf(binding.arithmetic, run, dtype, rows, hidden, seed, seed % 256);
          if (!host) continue;
          const found = await difference(binding, stream, host, seed).catch(
            (error) => `${error.code}: ${error.message}`,
          );
          if (found === undefined) passed += 1;
          else failures.push({ run: run.name, dtype, hidden, rows, found });
        }
  return { passed, failures, seed: first };
}
