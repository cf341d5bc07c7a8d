// Four threads load the addon at once, work, and are ended in the middle of it; five times. `node threads.mjs`
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadNative } from '@arfuse/native';

/** A third in bfloat16. */
const THIRD = 0x3eab;

function work() {
  const { binding } = loadNative();
  const values = new Float32Array(100_000).fill(1 / 3);
  const codes = new Uint16Array(values.length);
  for (let i = 0; ; i += 1) {
    binding.arithmetic.encode('bf16', values, codes);
    binding.devices?.();
    if (i === 2) parentPort.postMessage(codes[99_999]);
  }
}

async function main() {
  for (let round = 0; round < 5; round += 1) {
    const workers = Array.from({ length: 4 }, () => new Worker(fileURLToPath(import.meta.url)));
    const codes = await Promise.all(
      workers.map(async (worker) => (await once(worker, 'message'))[0]),
    );
    if (codes.some((code) => code !== THIRD)) throw new Error(`wrong codes: ${codes}`);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  // The addon still works where nothing was ended.
  const codes = new Uint16Array(1);
  loadNative().binding.arithmetic.encode('bf16', Float32Array.of(1 / 3), codes);
  console.log(codes[0] === THIRD ? 'threads are fine' : `wrong code ${codes[0]}`);
}

if (isMainThread) await main();
else work();
