import { DeviceError, type DeviceStream, type Plan } from '@arfuse/contract';
import type { AgreementRecord, Channel, Group } from '../group/group.ts';
import { type Clock, systemClock, until } from './clock.ts';
import { Executor } from './executor.ts';
import { closeKernels, type OpenedKernels, openKernels } from './open-kernels.ts';
import type { ExecutorOptions } from './options.ts';
import { agreementRecord, type Prepared, prepare } from './prepare.ts';
import { SharedMemory } from './shared-memory.ts';

/** Operations of all ranks while they open, of which is known whether one has failed: it has at every rank then. */
class Opening implements Channel {
  readonly #channel: Channel;
  failed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  exchange(message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#noted(this.#channel.exchange(message));
  }

  barrier(): Promise<void> {
    return this.#noted(this.#channel.barrier());
  }

  agree(record: AgreementRecord): Promise<void> {
    return this.#noted(this.#channel.agree(record));
  }

  async #noted<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation;
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }
}

/** Versions of the libraries that the opened kernels use. */
function libraryRecord(opened: OpenedKernels): AgreementRecord {
  const entries = [...opened].flatMap(([name, { libraries }]) =>
    Object.entries(libraries).map(([library, version]) => [`${name} ${library}`, version]),
  );
  return Object.fromEntries(entries);
}

const SET_UP_MS = 60_000;

/** Workspaces are written on the stream. @throws DeviceError when the device does not do it */
async function untilSetUp(stream: DeviceStream, clock: Clock): Promise<void> {
  if (await until(() => stream.idle(), clock, clock.now() + SET_UP_MS)) return;
  throw new DeviceError({
    message: `the workspaces were not ready after ${SET_UP_MS / 1000} s.`,
    hint: 'See what else runs on the device, or on the stream that was given.',
  });
}

/**
 * Makes a plan ready on one rank. All ranks call it; before anything is launched they compare the plan, the versions of
 * arfuse, of the backends and of their libraries, the device, and how many ranks share it. Workspaces are allocated once,
 * for the plan's largest launch, and every kernel is loaded.
 *
 * @throws AgreementError, the same at every rank, with each field that differs; UnsupportedError for a plan that this group
 * or these backends cannot run; NativeError and DeviceError; UsageError for options
 *
 * @example
 * ```ts
 * await using executor = await createExecutor(plan, group, { device, backends: [flashinfer(), native()] });
 * const buffers = executor.allocateSite('s0');
 * const site = executor.bind('s0', buffers);
 * executor.launch(site, 128);
 * await executor.sync();
 * ```
 */
export async function createExecutor(
  plan: Plan,
  group: Group,
  options: ExecutorOptions,
): Promise<Executor> {
  const { device, backends = [], clock = systemClock } = options;
  const channel = group.channel();
  const record = agreementRecord(plan, options);
  let prepared: Prepared;
  try {
    prepared = prepare(plan, group, options);
  } catch (error) {
    // The others compare records now; nobody waits for them here, where the reason is known.
    channel.agree({ ...record, refusal: (error as Error).message }).catch(() => {});
    throw error;
  }
  const { settings, segments, demands } = prepared;
  await channel.agree(record);

  const opening = new Opening(channel);
  let shared: SharedMemory | undefined;
  let opened: OpenedKernels = new Map();
  try {
    device.load();
    const stream = options.stream ?? device.createStream();
    const memory = new SharedMemory(device, opening, group.rank);
    shared = memory;
    opened = await openKernels(demands, backends, {
      device,
      stream,
      rank: group.rank,
      size: group.size,
      ranksPerDevice: settings.ranksPerDevice,
      abort: memory.abort,
      exchange: (message) => opening.exchange(message),
      symmetric: (bytes) => memory.symmetric(bytes),
    });
    await opening.agree(libraryRecord(opened));
    await untilSetUp(stream, clock);
    await opening.barrier();
    return new Executor({
      plan,
      group,
      channel,
      device,
      stream,
      shared: memory,
      opened,
      segments,
      clock,
      deadlineMs: settings.deadlineMs,
      recoveryMs: settings.recoveryMs,
    });
  } catch (error) {
    // An operation of all ranks fails at all of them; what failed here alone, the others learn by one that is none of theirs.
    if (!opening.failed) await opening.barrier().catch(() => {});
    await closeKernels(opened);
    shared?.unmap();
    await opening.barrier().catch(() => {});
    shared?.free();
    throw error;
  }
}
