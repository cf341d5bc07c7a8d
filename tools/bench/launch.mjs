import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * What one way of launching costs the host, beside the same calls of a stream without arfuse.
 *
 * @typedef {object} LaunchCost
 * @property {number} medianNs of the executor, per call
 * @property {number} p10Ns
 * @property {number} p90Ns
 * @property {number} bareMedianNs of the stream alone, per call
 * @property {number} overheadNs median of the differences of neighbouring batches
 * @property {number} heapBytes JavaScript heap per call
 * @property {number} kernels that one call enqueues
 */

/**
 * @typedef {{ plan: { sites: number, ranks: number }, costs: Record<string, LaunchCost> }} LaunchCosts
 */

/**
 * Host time and heap of launching over a device that does nothing, in a process of its own: the young generation is larger
 * than what is measured, so that no collection hides an allocation.
 *
 * @param {boolean} quick
 * @returns {LaunchCosts}
 */
export function benchLaunch(quick) {
  const child = fileURLToPath(new URL('launch-costs.mjs', import.meta.url));
  const flags = ['--expose-gc', '--max-semi-space-size=256', '--min-semi-space-size=256'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, child, ...(quick ? ['--quick'] : [])],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the launches could not be measured:\n${stderr}`);
  return JSON.parse(stdout);
}
