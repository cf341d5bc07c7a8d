import { measureNorm, normCases } from './norm-speed.mjs';
import { printLine, timesOf } from './samples.mjs';
import { torchTimes } from './torch-speed.mjs';

/** Of the time that is left, what PyTorch may compile and measure in. */
const TORCH_SHARE = 0.75;

/**
 * The norm kernel against a copy of as many bytes, and with `torch` against PyTorch's compiled form, one line per case. Cases
 * for which the time does not suffice are left out, and counted.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {{ quick: boolean, torch: boolean, seed: number, endsAt: number }} options `endsAt` on the clock of `performance.now`
 */
export async function normSection(binding, { quick, torch: asked, seed, endsAt }) {
  const cases = normCases(quick);
  const seconds = Math.max(0, (endsAt - performance.now()) / 1000);
  const torch = asked ? await torchTimes(cases, seconds * TORCH_SHARE) : undefined;
  printLine(['rows', 'hidden', 'form', 'norm µs', 'p10', 'p90', 'of copy', 'PyTorch']);
  const rows = [];
  for (const shape of cases) {
    if (performance.now() > endsAt) break;
    const { bytes, norm, copy } = await measureNorm(binding, shape, shape.form, seed);
    const other = torch?.times.find(
      (one) => one.rows === shape.rows && one.hidden === shape.hidden && one.form === shape.form,
    );
    const row = {
      ...shape,
      bytes,
      norm: timesOf(norm),
      copy: timesOf(copy),
      ...(other ? { torch: timesOf(other.us) } : {}),
    };
    rows.push(row);
    const { medianUs, p10Us, p90Us } = row.norm;
    printLine([
      shape.rows,
      shape.hidden,
      shape.form,
      ...[medianUs, p10Us, p90Us].map((us) => us.toFixed(2)),
      (row.copy.medianUs / medianUs).toFixed(3),
      row.torch ? (row.torch.medianUs / medianUs).toFixed(3) : '-',
    ]);
  }
  const left = cases.length - rows.length;
  const leftOfTorch = torch ? rows.filter((row) => !('torch' in row)).length : 0;
  if (left + leftOfTorch > 0)
    console.log(
      `out of time: ${left} of ${cases.length} cases not measured, ${leftOfTorch} not compared with PyTorch. Give more --minutes.`,
    );
  return { ...(torch ? { torch: torch.version } : {}), seed, cases: cases.length, rows };
}
