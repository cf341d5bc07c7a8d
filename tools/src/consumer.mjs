// Uses the packed packages as strangers do, outside the workspace, on Node 20 and 24:
// two packages only; the command line; a backend of somebody else; the addon and all that can be wrong with it. `node tools/src/consumer.mjs [--only NAME]` after a build.
import { checkCommandLine } from './consumer/command-line.mjs';
import { checkNativeAddon } from './consumer/native-addon.mjs';
import { nodeBinary } from './consumer/node-binary.mjs';
import { checkStranger } from './consumer/stranger.mjs';
import { checkTwoPackages } from './consumer/two-packages.mjs';
import { printChecks } from './lib/checks.mjs';
import { packAll } from './lib/pack.mjs';
import { stopChildrenOnSignal } from './lib/run.mjs';

/** @typedef {{ name: string, binary: string }} NodeRelease */

const CONSUMERS = [
  { name: 'two packages', check: checkTwoPackages },
  { name: 'command line', check: checkCommandLine },
  { name: 'a backend of a stranger', check: checkStranger },
  { name: 'native addon', check: checkNativeAddon },
];

stopChildrenOnSignal();
const tarballs = await packAll('tarballs');
const nodes = [
  { name: 'Node 20', binary: await nodeBinary(20) },
  { name: 'Node 24', binary: await nodeBinary(24) },
];
/** @type {import('./lib/checks.mjs').Check[]} */
const checks = [];
const at = process.argv.indexOf('--only');
const only = at < 0 ? undefined : process.argv[at + 1];
for (const consumer of CONSUMERS) {
  if (only !== undefined && consumer.name !== only) continue;
  try {
    checks.push(...(await consumer.check(tarballs, nodes)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    checks.push({ name: consumer.name, problems: [`${consumer.name}: ${reason}`] });
  }
}
printChecks(checks);
