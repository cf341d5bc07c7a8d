import { lateProducer, makeCodes } from '@arfuse/conformance';
import { openCudaDevice } from '@arfuse/native';

const SPEC = /** @type {const} */ ({
  dtype: 'bf16',
  kind: 'usual',
  stream: 0,
  hidden: 1024,
  row: 0,
  rows: 8,
});
const BYTES = 2 * SPEC.hidden * SPEC.rows;
const DELAY = 200_000;

/**
 * Whether producers are seen to be late on this GPU: a copy that does not wait for its producer must find what was there before,
 * eagerly and in a graph. Where it does not, kernels that pass behind producers have proved nothing.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {number} seed
 * @returns {Promise<string[]>} what is wrong
 */
export async function overlapCheck(binding, seed) {
  const device = openCudaDevice(0, { binding });
  const stream = device.createStream();
  const memory = device.allocate(2 * BYTES);
  const from = { rank: 0, memory, offset: 0 };
  const to = { memory, offset: BYTES };
  const { prepareHastyCopy } = /** @type {Required<typeof binding.check>} */ (binding.check);
  const copy = prepareHastyCopy(0, { from, to, bytes: BYTES });
  /** @type {string[]} */
  const faults = [];
  for (const how of ['eagerly', 'in a graph']) {
    const [old, fresh] = [seed, seed + 1].map(
      (one) => new Uint8Array(makeCodes({ ...SPEC, seed: one }).buffer),
    );
    const producer = lateProducer(DELAY)(device, [
      { place: from, spec: { ...SPEC, seed: seed + 1 } },
    ]);
    stream.write(from, /** @type {Uint8Array} */ (old));
    await stream.sync();
    if (how === 'eagerly') {
      stream.enqueue(producer, 1);
      stream.enqueue(copy, 1);
      await stream.sync();
    } else {
      stream.beginCapture();
      stream.enqueue(producer, 1);
      stream.enqueue(copy, 1);
      const graph = stream.endCapture();
      stream.launch(graph);
      await stream.sync();
      graph.close();
    }
    const [written, copied] = [new Uint8Array(BYTES), new Uint8Array(BYTES)];
    stream.read(from, written);
    stream.read(to, copied);
    await stream.sync();
    producer.close();
    if (Buffer.compare(written, /** @type {Uint8Array} */ (fresh)) !== 0)
      faults.push(`${how}, a producer wrote other codes than the host`);
    if (Buffer.compare(copied, /** @type {Uint8Array} */ (fresh)) === 0)
      faults.push(
        `${how}, a copy that does not wait found what its producer wrote: nothing overlaps`,
      );
  }
  copy.close();
  memory.close();
  return faults;
}
