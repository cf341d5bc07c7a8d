import {
  type BoundStep,
  type DeviceLaunch,
  type ExecutionContext,
  itemsize,
  type KernelExecutor,
  type StepDemand,
  UnsupportedError,
} from '@arfuse/contract';
import type { CudaBinding, NativeExchangeRoom, NativeShot } from '@arfuse/native';

function shotOf({ kernel }: StepDemand): NativeShot {
  const shot = kernel.slice(kernel.lastIndexOf('/') + 1);
  if (shot === 'one-shot' || shot === 'two-shot') return shot;
  throw new UnsupportedError({
    message: `${kernel} cannot be executed: arfuse never uses NVLink multicast.`,
    hint: 'Plan with multicast=off.',
    details: { kernel },
  });
}

/** Largest tensors of all launches, in bytes. */
function roomOf(demands: readonly StepDemand[]): NativeExchangeRoom {
  const largest = (shot: NativeShot): number =>
    Math.max(
      0,
      ...demands
        .filter((demand) => shotOf(demand) === shot)
        .map(({ rows, hidden, dtype }) => rows.max * hidden * itemsize(dtype)),
    );
  return { oneShotBytes: largest('one-shot'), twoShotBytes: largest('two-shot') };
}

/**
 * Opens `one-shot` and `two-shot` on one rank: a workspace that every rank maps, for the largest launch of the plan.
 * @throws UnsupportedError for a plan with `multimem`, before anything is allocated
 */
export async function openSymmMem(context: ExecutionContext): Promise<KernelExecutor> {
  const { device, stream, rank, size, abort, ranksPerDevice, demands } = context;
  const binding = device.native as CudaBinding;
  const room = roomOf(demands);
  const { bytes, headBytes } = binding.exchange.layout({ ...room, size });
  const { memory, addresses } = await context.symmetric(bytes);
  const place = { memory, offset: 0 };
  const reset = (): void => stream.fill(place, 0, headBytes);
  reset();
  // Grids must be equal, whatever GPUs the ranks have.
  const own = new Uint8Array(4);
  const { multiprocessors: count } = binding.devices().devices[device.ordinal]!;
  new DataView(own.buffer).setUint32(0, count);
  const counts = (await context.exchange(own)).map((message) =>
    new DataView(message.buffer, message.byteOffset).getUint32(0),
  );
  const multiprocessors = Math.min(...counts);
  return {
    libraries: {},
    prepare(step: BoundStep): DeviceLaunch {
      const { dtype, hidden, rows, inputs, results, carry } = step;
      return binding.prepareExchange(device.ordinal, {
        shot: shotOf(step),
        dtype,
        rows: rows.max,
        hidden,
        rank,
        size,
        input: inputs[0]!,
        output: (results.all_reduce ?? carry)!,
        workspace: { ...room, place, addresses },
        abort,
        ranksPerDevice,
        multiprocessors,
      });
    },
    // The kernels look at the abort word by themselves.
    release: () => {},
    reset,
    close: () => {},
  };
}
