import {
  type BoundStep,
  type DeviceLaunch,
  type DeviceMemory,
  type DevicePlace,
  type ExecutionContext,
  itemsize,
  type KernelExecutor,
  NativeError,
  type StepDemand,
} from '@arfuse/contract';
import type { CudaBinding, NativeBinding, NativeExchangeRoom } from '@arfuse/native';
import type { Shot } from '../workspace.ts';
import { fusionDemand, fusionLaunch, readsZeros, writesUnread } from './fusion-launch.ts';
import { type EmptyWord, FusionWorkspace } from './workspace.ts';

/** The addon with FlashInfer's kernels. @throws NativeError that says how to get one */
function fusionBinding({ device }: ExecutionContext): CudaBinding {
  const binding = device.native as NativeBinding | undefined;
  if (device.kind !== 'cuda' || binding?.prepareNorm === undefined) {
    throw new NativeError({
      message: `device ${device.ordinal} is ${device.kind === 'cuda' ? 'of an addon without kernels' : 'no GPU'}.`,
      hint: 'Open it by openCudaDevice() of @arfuse/native with an addon that has CUDA kernels.',
    });
  }
  if (binding.flashinferVersion === null || binding.prepareFusion === undefined) {
    throw new NativeError({
      message: `the addon was built without FlashInfer's kernels, for ${binding.cudaArchitectures}.`,
      hint: 'Run `arfuse native build --archs 90a` (or 100f, 120a): it gets the headers itself, or takes them from --flashinfer DIR.',
      details: { architectures: binding.cudaArchitectures },
    });
  }
  return binding as CudaBinding;
}

const bytesOf = ({ rows, hidden, dtype }: StepDemand): number =>
  rows.max * hidden * itemsize(dtype);

const wordOf = ({ dtype }: StepDemand): EmptyWord => (dtype === 'f32' ? 4 : 2);

const largest = (demands: readonly StepDemand[]): number => Math.max(0, ...demands.map(bytesOf));

/** Largest tensors of all launches of a width of activations, in bytes, by that width. */
function roomsOf(demands: readonly StepDemand[]): Map<EmptyWord, NativeExchangeRoom> {
  const rooms = new Map<EmptyWord, NativeExchangeRoom>();
  for (const word of [2, 4] as const) {
    const own = demands.filter((demand) => wordOf(demand) === word);
    const of = (shot: Shot): number =>
      largest(own.filter((demand) => fusionDemand(demand).shot === shot));
    if (own.length > 0)
      rooms.set(word, { oneShotBytes: of('one-shot'), twoShotBytes: of('two-shot') });
  }
  return rooms;
}

/** The fewest multiprocessors of all ranks' devices: their grids must be equal. */
async function fewestMultiprocessors(
  context: ExecutionContext,
  binding: CudaBinding,
): Promise<number> {
  const { multiprocessors } = binding.devices().devices[context.device.ordinal]!;
  const own = new Uint8Array(4);
  new DataView(own.buffer).setUint32(0, multiprocessors);
  const all = await context.exchange(own);
  return Math.min(
    ...all.map(({ buffer, byteOffset }) => new DataView(buffer, byteOffset).getUint32(0)),
  );
}

/**
 * Opens `one-shot` and `two-shot` on one rank: a workspace that every rank maps for each width of activations, for the largest
 * launch of the plan.
 * @throws NativeError for an addon without FlashInfer's kernels; PlanError for a step that they do not perform
 */
export async function openFlashInfer(context: ExecutionContext): Promise<KernelExecutor> {
  const { device, stream, rank, size, ranksPerDevice, demands } = context;
  const binding = fusionBinding(context);
  const rooms = roomsOf(demands);
  const multiprocessors = await fewestMultiprocessors(context, binding);
  const workspaces = new Map<EmptyWord, FusionWorkspace>();
  const owned: DeviceMemory[] = [];
  const spare = (of: readonly StepDemand[]): DevicePlace => {
    const memory = device.allocate(Math.max(16, largest(of)));
    owned.push(memory);
    return { memory, offset: 0 };
  };
  const close = (): void => {
    for (const workspace of workspaces.values()) workspace.close();
    for (const memory of owned) memory.close();
  };
  try {
    for (const [word, room] of rooms)
      workspaces.set(word, await FusionWorkspace.allocate(context, binding, room, word));
    const zeros = spare(demands.filter(readsZeros));
    stream.fill(zeros, 0, zeros.memory.bytes);
    const unread = spare(demands.filter(writesUnread));
    return {
      libraries: { flashinfer: binding.flashinferVersion! },
      prepare(step: BoundStep): DeviceLaunch {
        const { dtype, hidden, rows, kernel } = step;
        const demand = fusionDemand(step);
        const workspace = workspaces.get(wordOf(step))!;
        const launch = prepared(kernel, () =>
          binding.prepareFusion(device.ordinal, {
            ...fusionLaunch(step, demand, { zeros, unread }),
            shot: demand.shot,
            pdl: demand.pdl,
            dtype,
            rows: rows.max,
            hidden,
            rank,
            size,
            ranksPerDevice,
            multiprocessors,
            workspace: { ...workspace.room, place: workspace.place },
          }),
        );
        workspace.expect(demand.shot, size * bytesOf(step));
        return launch;
      },
      release: () => {
        for (const workspace of workspaces.values()) workspace.release();
      },
      reset: () => {
        for (const workspace of workspaces.values()) workspace.reset();
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The addon's refusals, as errors of this project. */
function prepared(kernel: string, prepare: () => DeviceLaunch): DeviceLaunch {
  try {
    return prepare();
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    throw new NativeError({
      message: `${kernel} cannot be made ready: ${message}`,
      hint: 'Give buffers as executor.specs(site) says, or plan without this kernel on this device.',
      details: { kernel, ...(code === undefined ? {} : { code }) },
      cause: error,
    });
  }
}
