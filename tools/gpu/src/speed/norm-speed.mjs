import { NormBuffers } from './norm-buffers.mjs';

/** @typedef {{ rows: number, hidden: number }} Shape */
/** @typedef {'norm' | 'fp8 static' | 'fp8 token' | 'fp8 group'} Form */

/** Add, norm, and what follows. @type {readonly Form[]} */
export const FORMS = ['norm', 'fp8 static', 'fp8 token', 'fp8 group'];

/** Small and large in turn: a run that ends early has both. */
const ROWS = [1, 128, 4096, 16, 1024, 512, 16_384];
const HIDDEN = [2880, 4096, 5120, 7168, 8192];

/** What is measured, the first first. @param {boolean} quick @returns {(Shape & { form: Form })[]} */
export function normCases(quick) {
  const hiddens = quick ? [2880, 4096, 8192] : HIDDEN;
  return (quick ? [1, 128, 4096] : ROWS).flatMap((rows) =>
    hiddens.flatMap((hidden) => FORMS.map((form) => ({ rows, hidden, form }))),
  );
}

const ROUNDS = 15;
const WARMUP = 3;
/** Rows that are compared with the host's arithmetic before anything is timed. */
const CHECKED_ROWS = 3;

/**
 * Times of one launch in µs: the norm, and a copy of as many bytes. Each figure is a graph of launches over data that is cold
 * in L2; the two graphs take turns.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {Shape} shape
 * @param {Form} form
 * @param {number} seed of the inputs
 * @returns {Promise<{ bytes: number, norm: number[], copy: number[] }>}
 * @throws Error when the launch's results are not those of the same arithmetic on the host
 */
export async function measureNorm(binding, shape, form, seed) {
  const buffers = new NormBuffers(binding, shape, form);
  const stream = new binding.Stream(0);
  const [start, end] = [new binding.Event(0), new binding.Event(0)];
  const graphs = [];
  try {
    await buffers.fill(stream, seed);
    const sets = Array.from({ length: buffers.sets }, (_, set) => set);
    const launches = sets.map((set) => buffers.launch(set));
    await check(buffers, stream, launches[0], shape, form);
    stream.beginCapture();
    for (const launch of launches) stream.norm(launch);
    graphs.push(stream.endCapture());
    stream.beginCapture();
    for (const set of sets) {
      const { to, from, count } = buffers.copy(set);
      stream.copy(to, from, count);
    }
    graphs.push(stream.endCapture());
    /** @type {number[][]} */
    const times = [[], []];
    for (let round = -WARMUP; round < ROUNDS; round += 1)
      for (const [i, graph] of graphs.entries()) {
        stream.record(start);
        stream.launch(graph);
        stream.record(end);
        await stream.sync();
        if (round >= 0) times[i]?.push((end.elapsed(start) * 1000) / sets.length);
      }
    const [norm = [], copy = []] = times;
    return { bytes: buffers.bytes, norm, copy };
  } finally {
    for (const graph of graphs) graph.close();
    buffers.close();
  }
}

/**
 * @param {NormBuffers} buffers
 * @param {import('@arfuse/native').NativeStream} stream
 * @param {any} launch
 * @param {Shape} shape
 * @param {Form} form
 */
async function check(buffers, stream, launch, { rows, hidden }, form) {
  stream.norm(launch);
  const results = await buffers.onHost(stream, 0, Math.min(rows, CHECKED_ROWS));
  for (const { wanted, device } of results)
    if (Buffer.compare(wanted, device) !== 0)
      throw new Error(
        `${form}, ${rows} × ${hidden}: not what the host computes. Run \`pnpm gpu:test\`.`,
      );
}
