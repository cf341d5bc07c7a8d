import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { hostExpect, resultBytes } from '@arfuse/conformance';

/** @typedef {import('@arfuse/conformance').ExecutionCase} ExecutionCase */
/** @typedef {import('@arfuse/reference').ResultBytes} ResultBytes */

/** Rows of a job: scales of so many rows lie in whole tiles of every layout. */
const ROWS = 128;

/** Results that are kept for the kernels that share them, and for those announced. */
const KEPT = 24;

/** What results follow from. Which rows are in a batch changes none of them, and NaN only those of special rows. */
function keyOf(/** @type {ExecutionCase} */ { site, segment, size, tokens, seed, kind }) {
  const { geometryInvariant: _, nan, ...numerics } = segment.numerics;
  return JSON.stringify([
    site.stages,
    site.outputs,
    site.dtype,
    site.hidden,
    numerics,
    kind === 'special' ? nan : null,
    size,
    tokens,
    seed,
    kind,
  ]);
}

/**
 * Expected results by arfuse's arithmetic on the host, in worker threads.
 *
 * @param {import('@arfuse/native').NativeBinding} binding
 * @param {number} [threads]
 */
export function expectPool(binding, threads = Math.max(1, Math.min(32, availableParallelism()))) {
  const here = hostExpect(binding.arithmetic, binding.check.codes);
  /** @type {Map<number, { resolve: () => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL('./expect-worker.mjs', import.meta.url));
    worker.on('message', ({ id, error }) => {
      const job = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) job?.resolve();
      else job?.reject(new Error(error));
    });
    worker.on('error', (error) => {
      for (const { reject } of waiting.values()) reject(error);
    });
    return worker;
  });
  /** @type {Map<string, Promise<ResultBytes>>} */
  const known = new Map();
  let jobs = 0;
  /** @type {import('@arfuse/conformance').Expect} */
  const expect = (asked, preNorm) => {
    if (preNorm) return here(asked, preNorm);
    const key = keyOf(asked);
    const found = known.get(key);
    if (found) return found;
    const buffers = Object.fromEntries(
      asked.site.outputs.flatMap((name) => {
        const bytes = resultBytes(asked, name);
        return bytes > 0 ? [[name, new SharedArrayBuffer(bytes)]] : [];
      }),
    );
    const parts = [];
    for (let row = 0; row < asked.tokens; row += ROWS) {
      const id = jobs;
      jobs += 1;
      const part = { ...asked, row, tokens: Math.min(ROWS, asked.tokens - row) };
      parts.push(
        new Promise((resolve, reject) => {
          waiting.set(id, { resolve: () => resolve(undefined), reject });
        }),
      );
      workers[id % workers.length]?.postMessage({ id, asked: part, tokens: asked.tokens, buffers });
    }
    const made = Promise.all(parts).then(() =>
      Object.fromEntries(
        Object.entries(buffers).map(([name, buffer]) => [name, new Uint8Array(buffer)]),
      ),
    );
    // Whoever waits for it hears of a failure.
    made.catch(() => {});
    known.set(key, made);
    for (const old of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(old);
    }
    return made;
  };
  return {
    expect,
    /** Begins to compute what a case leaves. */
    ahead: (/** @type {ExecutionCase} */ asked) => {
      expect(asked);
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
