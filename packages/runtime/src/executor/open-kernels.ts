import {
  type Backend,
  type Device,
  type ExecutionContext,
  type KernelExecutor,
  type OpenKernels,
  type StepDemand,
  splitKernelId,
  UnsupportedError,
} from '@arfuse/contract';

/** Opened kernels by backend name. */
export type OpenedKernels = ReadonlyMap<string, KernelExecutor>;

/** What opens a backend's kernels on a device. */
function openerOf(name: string, device: Device, backends: readonly Backend[]): OpenKernels {
  const { open } = device;
  if (open) return (context) => open.call(device, name, context);
  const backend = backends.find((candidate) => candidate.name === name);
  if (backend?.open) return backend.open;
  throw new UnsupportedError({
    message: backend
      ? `backend "${name}" ${backend.version} plans only: it has no open().`
      : `the plan launches kernels of "${name}", which is not among the given backends.`,
    hint: backend
      ? 'Install a release of it that executes, or plan without it.'
      : `Give it: createExecutor(plan, group, { backends: […, ${name}] }).`,
    details: { backend: name, given: backends.map((candidate) => candidate.name) },
  });
}

/**
 * Opens the kernels of every backend that the plan needs, in one order at all ranks.
 * @throws UnsupportedError before anything is opened, when a backend is missing or plans only
 */
export async function openKernels(
  demands: readonly StepDemand[],
  backends: readonly Backend[],
  context: Omit<ExecutionContext, 'demands'>,
): Promise<OpenedKernels> {
  const names = [...new Set(demands.map(({ kernel }) => splitKernelId(kernel).backend))].sort();
  const openers = names.map((name) => openerOf(name, context.device, backends));
  const opened = new Map<string, KernelExecutor>();
  try {
    for (const [index, name] of names.entries()) {
      const own = demands.filter(({ kernel }) => splitKernelId(kernel).backend === name);
      opened.set(name, await openers[index]!({ ...context, demands: own }));
    }
    return opened;
  } catch (error) {
    await closeKernels(opened);
    throw error;
  }
}

/** Closes the kernels of every backend, in the reverse order. */
export async function closeKernels(opened: OpenedKernels): Promise<void> {
  for (const kernels of [...opened.values()].reverse()) await kernels.close();
}
