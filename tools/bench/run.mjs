// Speed at the host: `pnpm bench plan|launch [--json FILE] [--quick]`, after `pnpm build`.
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { requireBuilt } from '../src/lib/workspace.mjs';
import { printLaunchReport, printReport } from './report.mjs';

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
    const [what, ...more] = positionals;
    if ((what !== 'plan' && what !== 'launch') || more.length > 0) {
      throw new Error('say what to measure: plan or launch');
    }
    return { what, json: values.json, quick: values.quick };
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    console.error(`${reason}\nusage: pnpm bench plan|launch [--json FILE] [--quick]`);
    process.exit(2);
  }
}

const { what, json, quick } = options();
requireBuilt('core', 'flashinfer', 'symm-mem', 'cli', 'runtime');
const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
};
/** @type {object} */
let result;
if (what === 'plan') {
  const { benchPlan } = await import('./plan.mjs');
  const measured = { machine, ...(await benchPlan(quick)) };
  printReport(measured);
  result = measured;
} else {
  const { benchLaunch } = await import('./launch.mjs');
  const measured = { machine, ...benchLaunch(quick) };
  printLaunchReport(measured);
  result = measured;
}
if (json !== undefined) {
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nwritten to ${json}`);
}
