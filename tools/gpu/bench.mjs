// Speed of arfuse's norm kernel: `pnpm gpu:bench [--out FILE] [--torch] [--quick]`. Against a copy of as many bytes, and with
// `--torch` against PyTorch's compiled add + RMSNorm, side by side in one run. Nothing is checked here: run `pnpm gpu:test` first.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { quantile } from '../bench/statistics.mjs';
import { FORMS, SpeedRun, shapes } from './src/norm-speed.mjs';
import { openGpu } from './src/open-gpu.mjs';
import { torchTimes } from './src/torch-speed.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    torch: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const { binding, facts } = openGpu();
const list = shapes(values.quick);
const torch = values.torch ? await torchTimes(list, FORMS) : undefined;

/** @param {readonly number[]} us */
const summary = (us) => ({
  medianUs: quantile(us, 0.5),
  p10Us: quantile(us, 0.1),
  p90Us: quantile(us, 0.9),
  n: us.length,
});
const columns = [
  'rows',
  'hidden',
  'form',
  'norm µs',
  'p10',
  'p90',
  'copy µs',
  'of copy',
  'torch µs',
  'torch/norm',
];
console.log(columns.map((name) => name.padStart(10)).join(''));
const rows = [];
for (const shape of list) {
  for (const form of FORMS) {
    const run = new SpeedRun(binding, shape, form);
    const { norm, copy } = await run.measure();
    run.close();
    const found = torch?.times.find(
      (one) => one.rows === shape.rows && one.hidden === shape.hidden && one.form === form,
    );
    const row = {
      ...shape,
      form,
      bytes: run.bytes,
      norm: summary(norm),
      copy: summary(copy),
      ...(found ? { torch: summary(found.us) } : {}),
    };
    rows.push(row);
    const cells = [
      shape.rows,
      shape.hidden,
      form,
      row.norm.medianUs.toFixed(2),
      row.norm.p10Us.toFixed(2),
      row.norm.p90Us.toFixed(2),
      row.copy.medianUs.toFixed(2),
      (row.copy.medianUs / row.norm.medianUs).toFixed(3),
      row.torch?.medianUs.toFixed(2) ?? '-',
      row.torch ? (row.torch.medianUs / row.norm.medianUs).toFixed(3) : '-',
    ];
    console.log(cells.map((cell) => String(cell).padStart(10)).join(''));
  }
}
if (values.out !== undefined) {
  const result = {
    suite: 'norm speed',
    ...facts,
    ...(torch ? { torch: torch.version } : {}),
    rows,
  };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
}
