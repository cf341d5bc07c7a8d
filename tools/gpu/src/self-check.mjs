import { makeCodes, measure, POISON, STREAMS } from '@arfuse/conformance';
import { openCudaDevice } from '@arfuse/native';

/** @typedef {import('@arfuse/conformance').Checker} Checker */

const ROWS = 37;
const HIDDEN = 264;
const BYTES = 4 * ROWS * HIDDEN;

/** What is planted into a copy: nothing, single bits, NaN and poison. @type {((bytes: Uint8Array, at: number) => void)[]} */
const PLANTED = [
  () => {},
  (bytes, at) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
  },
  (bytes, at) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  },
  (bytes, at) => {
    bytes.fill(0xff, at - (at % 4), at - (at % 4) + 4);
  },
  (bytes, at) => {
    bytes.fill(POISON, at - (at % 4), at - (at % 4) + 8);
  },
];

/**
 * Holds the kernels that make inputs and judge results to the same on the host, planted differences among them: a judge that
 * sees nothing would pass everything.
 *
 * @param {(context: import('@arfuse/conformance').CheckerContext) => Checker} make
 * @param {import('@arfuse/native').NativeBinding} binding
 * @param {number} seed
 * @returns {Promise<string[]>} what differs
 */
export async function selfCheck(make, binding, seed) {
  const device = openCudaDevice(0, { binding });
  const stream = device.createStream();
  const memory = device.allocate(2 * BYTES);
  const place = { rank: 0, memory, offset: 0 };
  const checker = make({ streams: [stream], idle: () => stream.sync() });
  const faults = [];
  for (const dtype of /** @type {const} */ (['bf16', 'f16', 'f32']))
    for (const kind of /** @type {const} */ (['usual', 'special', 'integers', 'vector'])) {
      const spec = { dtype, kind, seed, stream: STREAMS.partial(0, 0), hidden: HIDDEN };
      const all = { ...spec, row: 0, rows: ROWS };
      const codes = makeCodes(all);
      const wanted = new Uint8Array(codes.buffer);
      await checker.generate(place, all);
      const made = await checker.read(place, wanted.length);
      if (Buffer.compare(made, wanted) !== 0)
        faults.push(`${dtype} codes of kind ${kind} differ between GPU and host`);
    }
  const codes = makeCodes({
    dtype: 'f32',
    kind: 'special',
    seed,
    stream: 0,
    hidden: HIDDEN,
    row: 0,
    rows: ROWS,
  });
  const expected = new Uint8Array(codes.buffer);
  const dtypes = /** @type {const} */ ([
    'bf16',
    'f16',
    'f32',
    'f8e4m3fn',
    'f4e2m1fnx2',
    'f8e8m0fnu',
  ]);
  for (const dtype of dtypes)
    for (const bytes of [4, 12, 16, 1004, BYTES])
      for (const [planted, plant] of PLANTED.entries()) {
        const found = expected.slice(0, bytes);
        for (let at = seed % 97; at < bytes; at += 997) plant(found, at);
        const results = { norm: expected.slice(0, bytes) };
        await checker.expect(results);
        await checker.write(place, found);
        const [answer] = await checker.ask([
          { kind: 'expected', found: place, output: 'norm', dtype, bytes },
        ]);
        const host = measure(dtype, found, results.norm);
        if (JSON.stringify(answer) !== JSON.stringify(host))
          faults.push(
            `${dtype}, ${bytes} bytes, planted ${planted}: the GPU finds ${JSON.stringify(answer)}, the host ${JSON.stringify(host)}`,
          );
      }
  const bytes = new Uint8Array(1000).fill(7);
  bytes[501] = 8;
  await checker.write(place, bytes);
  for (const [behind, count, different] of /** @type {const} */ ([
    [3, 498, 0],
    [3, 499, 1],
    [5, 995, 1],
  ])) {
    const [answer] = await checker.ask([
      { kind: 'byte', found: place, behind, bytes: count, byte: 7 },
    ]);
    if (answer?.different !== different || (different > 0 && answer.first.worst !== 501 - behind))
      faults.push(`bytes ${behind} to ${behind + count}: the GPU finds ${JSON.stringify(answer)}`);
  }
  checker.close();
  memory.close();
  return faults;
}
