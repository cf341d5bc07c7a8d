// A long run on the first GPU: `pnpm gpu:soak [--operations N] [--minutes N] [--sizes 2,4] [--tokens …] [--hidden …]
// [--dtypes …] [--kernels IDS] [--out FILE] [--seed N]`. Shapes, dtypes, chains, kernels and token counts change at random between operations, graph
// replays among them, FlashInfer with and without PDL, every result checked on the GPU. Under compute-sanitizer:
// `compute-sanitizer --tool memcheck --target-processes all sh run.sh gpu:soak --operations 200 --sizes 2 --hidden 1024 --tokens 1,7,64`.
import { writeFileSync } from 'node:fs';
import { checkSoak } from '@arfuse/conformance';
import { native } from '@arfuse/core';
import { createFlashInfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { COLLECTIVES, sharedGpu, versions } from './src/matrix.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { provenance } from './src/provenance.mjs';
import { timeLimit, watchdog } from './src/watchdog.mjs';

const text = /** @type {const} */ ({ type: 'string' });
const values = optionsOf(import.meta.url, {
  operations: { ...text, default: '100000' },
  minutes: { ...text, default: '9' },
  dtypes: { ...text, default: 'bf16,f16,f32' },
  sizes: { ...text, default: '2,4,8' },
  hidden: { ...text, default: '2880,4096' },
  tokens: { ...text, default: '1,2,3,7,16,63,64,129' },
  kernels: { ...text, default: COLLECTIVES.join(',') },
  seed: text,
  out: text,
});
const [operations, minutes] = [Number(values.operations), Number(values.minutes)];
const seed = seedOf(values.seed);
if (!(Number.isInteger(operations) && operations > 0 && minutes > 0 && Number.isInteger(seed))) {
  console.error('--operations, --minutes and --seed are numbers.');
  process.exit(2);
}
const numbers = (/** @type {string} */ list) => list.split(',').map(Number);
const { binding, facts } = openGpu();
watchdog(minutes + 1);
const shared = sharedGpu(binding);
const shapes = numbers(values.sizes).flatMap((size, at) =>
  /** @type {import('@arfuse/contract').IoDType[]} */ (values.dtypes.split(',')).map(
    (dtype, index) => {
      const hidden = numbers(values.hidden);
      const width = /** @type {number} */ (hidden[(at + index) % hidden.length]);
      const pdl = (at + index) % 2 === 1;
      return {
        name: `${dtype} N=${size} hidden=${width}, PDL ${pdl ? 'on' : 'off'}`,
        backends: [createFlashInfer({ pdl }), symmMem(), native()],
        kernels: values.kernels.split(','),
        devices: shared.devices(size),
        dtype,
        hidden: width,
        tokens: numbers(values.tokens),
      };
    },
  ),
);
const report = await checkSoak({
  ...shared,
  shapes,
  operations,
  capability: Math.round(facts.capability * 10),
  seed,
  deviceBytes: () => binding.check.bytesInUse?.(0) ?? 0,
  ended: timeLimit(minutes),
  onProgress: (done) => console.error(`${Math.round(performance.now() / 1000)} s: ${done}`),
});
for (const fault of report.faults) console.log(fault);
const mebibytes = (/** @type {number} */ bytes) => Math.round(bytes / 2 ** 20);
for (const { operations: after, hostBytes, heapBytes, deviceBytes = 0 } of report.memory)
  console.log(
    `after ${after} operations: ${mebibytes(hostBytes)} MiB of host memory, ${mebibytes(heapBytes)} MiB of heap, ${mebibytes(deviceBytes)} MiB of the GPU's`,
  );
const { operations: done, graphReplays, seconds } = report;
console.log(
  `${done} of ${operations} operations, ${graphReplays} of them graph replays, in ${seconds} s, seed ${seed}: ${report.passed ? 'passed' : 'failed'}`,
);
if (values.out !== undefined)
  writeFileSync(
    values.out,
    `${JSON.stringify({ suite: 'soak on one GPU', ...provenance(facts), ...versions(binding), minutes, ...report }, null, 2)}\n`,
  );
await shared.close();
process.exit(report.passed ? 0 : 1);
