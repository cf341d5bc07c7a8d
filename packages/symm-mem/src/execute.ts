import {
  type BoundStep,
  type DeviceLaunch,
  type ExecutionContext,
  itemsize,
  type KernelExecutor,
  NativeError,
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

function bindingOf({ device }: ExecutionContext): CudaBinding {
  const binding = device.native as Partial<CudaBinding> | undefined;
  if (binding?.prepareExchange) return binding as CudaBinding;
  throw new NativeError({
    message: `device ${device.ordinal} is ${device.kind === 'cuda' ? 'of an addon without kernels' : 'no GPU'}.`,
    hint: 'Open it by openCudaDevice() with an addon that has CUDA kernels.',
  });
}

/** The fewest multiprocessors of all ranks' devices: grids must be equal, whatever GPUs the ranks have. */
async function fewestMultiprocessors(
  { device, exchange }: ExecutionContext,
  binding: CudaBinding,
): Promise<number> {
  const own = Buffer.alloc(4);
  own.writeUInt32LE(binding.devices().devices[device.ordinal]!.multiprocessors);
  const all = await exchange(own);
  return Math.min(...all.map((message) => Buffer.from(message).readUInt32LE()));
}

/**
 * Opens `one-shot` and `two-shot` on one rank: a workspace that every rank maps, for the largest launch of the plan.
 * @throws UnsupportedError for a plan with `multimem`, and NativeError for a device without kernels, before anything is
 * allocated
 */
export async function openSymmMem(
  context: ExecutionContext,
  delays?: number,
): Promise<KernelExecutor> {
  const { device, stream, rank, size, abort, ranksPerDevice, demands } = context;
  const room = roomOf(demands);
  const binding = bindingOf(context);
  const { bytes, headBytes } = binding.exchange.layout({ ...room, size });
  const { memory, addresses } = await context.symmetric(bytes);
  const place = { memory, offset: 0 };
  const reset = (): void => stream.fill(place, 0, headBytes);
  reset();
  const multiprocessors = await fewestMultiprocessors(context, binding);
  // Neither can be made while a kernel spins.
  const side = device.createStream();
  const head = device.pinned(headBytes);
  let looking: Promise<readonly number[] | undefined> = Promise.resolve(undefined);
  const look = async (): Promise<readonly number[] | undefined> => {
    side.read(place, head.array);
    await side.sync();
    const { running, missing } = binding.exchange.state(head.array, { rank, size });
    if (!running) return undefined;
    return Array.from({ length: size }, (_, peer) => peer).filter(
      (peer) => !missing.includes(peer),
    );
  };
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
        ...(delays === undefined ? {} : { delays }),
      });
    },
    // The kernels look at the abort word by themselves.
    release: () => {},
    reset,
    arrived() {
      looking = looking.then(look, look);
      return looking;
    },
    close: async () => {
      await looking.catch(() => {});
      // Freeing pinned memory waits for kernels that spin.
      if (idle(stream)) head.close();
    },
  };
}

function idle(stream: ExecutionContext['stream']): boolean {
  try {
    return stream.idle();
  } catch {
    return false;
  }
}
