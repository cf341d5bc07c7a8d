import {
  type BoundStep,
  type DeviceLaunch,
  type ExecutionContext,
  type KernelExecutor,
  UnsupportedError,
} from '@arfuse/contract';
import { cudaBinding } from '../device/cuda-device.ts';
import { normLaunch } from './norm-launch.ts';

/**
 * Opens `@arfuse/native/norm` and `@arfuse/native/add-partials` on one rank. They wait for nobody and keep no workspace.
 * @throws NativeError for a device that is none of the addon's
 */
export async function openNativeKernels(context: ExecutionContext): Promise<KernelExecutor> {
  const binding = cudaBinding(context.device);
  const { ordinal } = context.device;
  return {
    libraries: {},
    prepare(step: BoundStep): DeviceLaunch {
      if (step.kernel === '@arfuse/native/norm')
        return binding.prepareNorm(ordinal, normLaunch(step));
      const out = step.results.all_reduce ?? step.carry;
      const [a, b] = step.inputs;
      if (step.kernel === '@arfuse/native/add-partials' && a && b && out) {
        const { dtype, hidden, rows } = step;
        return binding.prepareAdd(ordinal, { dtype, hidden, rows: rows.max, a, b, out });
      }
      throw new UnsupportedError({
        message: `@arfuse/native has no kernel "${step.kernel}" with ${step.inputs.length} inputs.`,
        hint: 'Make the plan again with this release.',
        details: { kernel: step.kernel },
      });
    },
    release: () => {},
    reset: () => {},
    close: () => {},
  };
}
