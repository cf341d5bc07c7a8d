import { checkExecution, checkRecovery, hostChecker } from '@arfuse/conformance';
import { native } from '@arfuse/core';
import { familiesOf, staysHeld } from './kernels.mjs';

/**
 * @typedef {object} PairGiven
 * @property {readonly import('@arfuse/contract').Device[]} devices one per rank
 * @property {readonly string[]} kernels
 * @property {number} capability compute capability times 10
 * @property {number} seed
 * @property {() => boolean} ended
 * @property {import('@arfuse/conformance').Expect} expect
 * @property {(kernel: string) => boolean} exact
 * @property {(context: import('@arfuse/conformance').CheckerContext) => import('@arfuse/conformance').Checker} checker
 */

/**
 * A checker that reads everything back from any GPU, and makes inputs by the addon.
 *
 * @param {Pick<import('@arfuse/native').NativeBinding, 'check'>} binding
 * @returns {PairGiven['checker']}
 */
export const readingChecker = (binding) => (context) => {
  const checker = hostChecker(context);
  return {
    ...checker,
    generate: (to, spec) => {
      const count = spec.rows * spec.hidden;
      const codes = spec.dtype === 'f32' ? new Uint32Array(count) : new Uint16Array(count);
      binding.check.codes(spec, codes);
      return checker.write(to, new Uint8Array(codes.buffer));
    },
  };
};

/**
 * Every chain through every kernel, each rank on a GPU of its own, all in this process.
 *
 * @param {PairGiven & { dtypes: readonly import('@arfuse/contract').IoDType[], hidden: readonly number[], tokens: readonly number[],
 *   chains?: readonly import('@arfuse/conformance').ConformanceChain[], onShape?: (name: string) => void }} given
 */
export async function pairConformance({ devices, kernels, ...given }) {
  const reports = [];
  for (const family of familiesOf(kernels)) {
    const report = await checkExecution({
      ...given,
      kernels: family.kernels,
      backends: [family.backend, native()],
      sizes: [devices.length],
      devices: () => devices,
      watched: 2 ** 16,
      sampled: 16,
    });
    reports.push({ kernels: family.kernels, ...report });
  }
  return reports;
}

/**
 * What recoveries of each kernel are like: NCCL's connect anew, so they are fewer. Kernels that stay held would spin beside what
 * follows; they are left to processes of their own.
 *
 * @param {PairGiven & { rounds: number, after: number, nccl: string }} given nccl: NCCL's release
 */
export async function pairRecovery({
  devices,
  kernels: asked,
  rounds,
  after,
  nccl: release,
  ...given
}) {
  const kernels = asked.filter((kernel) => !staysHeld(kernel, release));
  const reports = [];
  for (const family of familiesOf(kernels))
    for (const kernel of family.kernels) {
      const nccl = kernel.startsWith('@arfuse/nccl/');
      const report = await checkRecovery({
        ...given,
        kernel,
        devices,
        backends: [family.backend, native()],
        rounds: nccl ? Math.min(2, rounds) : rounds,
        after,
        deadlineMs: nccl ? 2000 : 200,
        ...(nccl ? { executor: { recoveryMs: 20_000 } } : {}),
      }).catch((error) => ({
        kernel,
        size: devices.length,
        passed: false,
        rounds: 0,
        asked: rounds,
        operations: 0,
        faults: [error instanceof Error ? error.message : String(error)],
      }));
      reports.push(report);
    }
  return reports;
}
