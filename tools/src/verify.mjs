// All checks of the repository, one line each: `pnpm verify [--only step,step]`. Under CI=true what is skipped is failed.
// Runs before anything is installed, so it imports Node's own modules only.
import { countLine, mustProve } from './lib/checks.mjs';
import { seconds, stopChildrenOnSignal } from './lib/run.mjs';
import { STEPS } from './verify/steps.mjs';
import { withoutSkips } from './verify/without-skips.mjs';

const at = process.argv.indexOf('--only');
const only = at < 0 ? undefined : (process.argv[at + 1] ?? '').split(',');
const unknown = only?.filter((id) => !STEPS.some((step) => step.id === id)) ?? [];
if (unknown.length > 0) {
  console.error(
    `unknown step "${unknown.join(', ')}"; steps: ${STEPS.map((step) => step.id).join(', ')}`,
  );
  process.exit(2);
}

stopChildrenOnSignal();
const start = Date.now();
const total = { passed: 0, failed: 0, skipped: 0 };
/** Steps that did not pass; what needs them is not run. @type {Set<string>} */
const broken = new Set();

for (const step of STEPS) {
  if (only && !only.includes(step.id)) continue;
  const missing = step.needs.filter((id) => broken.has(id));
  if (missing.length > 0) {
    broken.add(step.id);
    total.failed += 1;
    console.log(`${step.title.padEnd(38)} not run: ${missing.join(', ')} failed`);
    continue;
  }
  const from = Date.now();
  const found = await step.run();
  const result = mustProve() ? withoutSkips(found) : found;
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const counts = countLine(result.passed, result.failed, result.skipped);
  console.log(`${step.title.padEnd(38)} ${counts.padEnd(40)} ${seconds(from)}`);
  for (const note of result.notes ?? []) console.log(`  ${note}`);
  for (const reason of result.reasons) console.log(`  skipped: ${reason}`);
  if (result.failed === 0) continue;
  broken.add(step.id);
  console.log(
    `${result.details.trimEnd().replace(/^/gm, '  | ')}\n  again with: pnpm verify --only ${step.id}`,
  );
}

console.log(`in ${seconds(start)}`);
console.log(countLine(total.passed, total.failed, total.skipped));
process.exitCode = total.failed > 0 ? 1 : 0;
