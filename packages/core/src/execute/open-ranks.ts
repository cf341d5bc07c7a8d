import { hostname } from 'node:os';
import { type Backend, type Device, NativeError, type Plan } from '@arfuse/contract';
import { nccl } from '@arfuse/nccl';
import { referenceDevices } from '@arfuse/reference';
import {
  createExecutor,
  type Executor,
  type Group,
  LocalRanks,
  launcherOf,
  openGroup,
  openLocalGroup,
  readLaunch,
} from '@arfuse/runtime';
import { native } from '../norm/backend.ts';
import { importNative } from './load-native.ts';
import { checkRanksPerDevice, checkSharing, deviceOfProcess, placeRanks } from './placement.ts';
import type { ExecutionPlace } from './report.ts';

/** Where the ranks of a plan run, and with which kernels. */
export interface OpenRanksOptions {
  /** This machine's GPUs, or devices that simulate every kernel on the CPU. Default `gpu`. */
  readonly on?: 'gpu' | 'reference';
  /** Backends of the plan's kernels; NCCL and arfuse's own are always among them. */
  readonly use?: readonly Backend[];
  /** How many ranks may share a GPU. Default 1; more is for tests and machines with one card. */
  readonly ranksPerDevice?: number;
  /** Devices by rank, for a program that has its own; all ranks are in this process then. */
  readonly devices?: readonly Device[];
  /** Milliseconds that the ranks wait for a device before they recover. Default 10,000; 600,000 for simulated kernels. */
  readonly deadlineMs?: number;
  /** Where the launcher's variables stand. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The ranks of a plan that this process has, ready to launch. */
export interface OpenedRanks extends AsyncDisposable {
  readonly plan: Plan;
  readonly place: ExecutionPlace;
  /** Executors with guarded buffers. */
  readonly ranks: LocalRanks;
  readonly groups: readonly Group[];
  /** Devices and streams in the order of the executors. */
  readonly devices: readonly Device[];
  readonly streams: readonly ReturnType<Device['createStream']>[];
  close(): Promise<void>;
}

const SIMULATED_DEADLINE_MS = 600_000;
const IDENTITY_BYTES = 256;

/** Names a device among those of all hosts. */
function identityOf(device: Device): string {
  const binding = device.native as import('@arfuse/native').NativeBinding | undefined;
  const facts = binding?.devices?.().devices[device.ordinal];
  return `${hostname()} ${facts ? facts.uuid : `${device.kind} ${device.ordinal}`}`;
}

function fixedSize(text: string): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_BYTES);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

/** GPUs that this process sees. @throws NativeError when there is none, with the reason */
async function countGpus(): Promise<number> {
  const { loadNative } = await importNative();
  const { binding } = loadNative();
  const report = binding.devices?.();
  if (report && report.devices.length > 0) return report.devices.length;
  throw new NativeError({
    message: report
      ? `no GPU: ${report.error ?? 'CUDA lists none'}.`
      : 'no GPU can be used: the addon was built without CUDA kernels.',
    hint: '`arfuse doctor` says what is missing; a reference device needs no GPU.',
    details: report ? { driverVersion: report.driverVersion } : {},
  });
}

interface Seats {
  readonly groups: readonly Group[];
  readonly devices: readonly Device[];
  readonly launcher: ExecutionPlace['launcher'];
}

/** Every rank in this process. */
async function seatsHere(
  size: number,
  options: OpenRanksOptions,
  ranksPerDevice: number,
): Promise<Seats> {
  const { on = 'gpu', devices: given } = options;
  if (given || on === 'reference') {
    const devices = given ?? referenceDevices(size);
    return { groups: await openLocalGroup({ ranks: size }), devices, launcher: 'process' };
  }
  const ordinals = placeRanks(size, await countGpus(), ranksPerDevice);
  const { openCudaDevice } = await importNative();
  const opened = new Map(
    [...new Set(ordinals)].map((ordinal) => [ordinal, openCudaDevice(ordinal)] as const),
  );
  return {
    groups: await openLocalGroup({ devices: ordinals, ranksPerDevice }),
    devices: ordinals.map((ordinal) => opened.get(ordinal)!),
    launcher: 'process',
  };
}

/** One rank in this process; the launcher has started the others. */
async function seatOfProcess(
  options: OpenRanksOptions,
  ranksPerDevice: number,
  launcher: ExecutionPlace['launcher'],
): Promise<Seats> {
  const gpus = await countGpus();
  const { env } = options;
  const group = await openGroup(env ? { env } : {});
  try {
    const { openCudaDevice } = await importNative();
    const device = openCudaDevice(deviceOfProcess(group.device, gpus, ranksPerDevice));
    const identities = await group.exchange(fixedSize(identityOf(device)));
    checkSharing(
      identities.map((bytes) => Buffer.from(bytes).toString()),
      ranksPerDevice,
    );
    return { groups: [group], devices: [device], launcher };
  } catch (error) {
    await group.close();
    throw error;
  }
}

/** Executors of all seats, or none: when one cannot be made, the others are closed. */
async function openExecutors(
  plan: Plan,
  { groups, devices }: Seats,
  streams: OpenedRanks['streams'],
  settings: {
    backends: readonly Backend[];
    ranksPerDevice: number;
    deadlineMs: number | undefined;
  },
): Promise<Executor[]> {
  const { backends, ranksPerDevice, deadlineMs } = settings;
  const settled = await Promise.allSettled(
    groups.map((group, index) =>
      createExecutor(plan, group, {
        device: devices[index]!,
        stream: streams[index]!,
        backends,
        ranksPerDevice,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      }),
    ),
  );
  const made = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = settled.find((one) => one.status === 'rejected');
  if (!failed) return made;
  await Promise.allSettled(made.map((executor) => executor.close()));
  throw failed.reason;
}

/**
 * Opens the ranks of a plan that belong to this process: one, where torchrun, mpirun or srun started a process per rank; else
 * all of them, one per GPU. Several share a GPU only where `ranksPerDevice` says so.
 *
 * @throws NativeError when there is no GPU, driver or addon; UnsupportedError for too few GPUs, ranks that share one
 * unasked, or a kernel that cannot run here; UsageError for options; and as `openGroup` and `createExecutor`
 *
 * @example
 * ```ts
 * await using opened = await openRanks(decided, { use: [flashinfer()] });
 * await opened.ranks.launch('c0', 64);
 * ```
 */
export async function openRanks(plan: Plan, options: OpenRanksOptions = {}): Promise<OpenedRanks> {
  const { on = 'gpu', use = [], devices: given } = options;
  const ranksPerDevice = checkRanksPerDevice(options.ranksPerDevice ?? 1);
  const size = plan.groups[0]?.size ?? plan.target.groups.default?.size ?? 1;
  const launch =
    on === 'gpu' && !given && launcherOf(options.env) ? readLaunch(options.env) : undefined;
  const seats =
    launch && launch.size > 1
      ? await seatOfProcess(options, ranksPerDevice, launch.launcher)
      : await seatsHere(size, options, ranksPerDevice);
  const closeGroups = async (): Promise<void> => {
    await Promise.all(seats.groups.map((group) => group.close()));
  };
  try {
    const simulated = seats.devices.every(({ kind }) => kind === 'reference');
    const streams = seats.devices.map((device) => device.createStream());
    const executors = await openExecutors(plan, seats, streams, {
      backends: [...use, nccl(), native()],
      ranksPerDevice,
      deadlineMs: options.deadlineMs ?? (simulated ? SIMULATED_DEADLINE_MS : undefined),
    });
    const ranks = new LocalRanks(executors);
    const close = async (): Promise<void> => {
      await ranks.close();
      await closeGroups();
    };
    return {
      plan,
      ranks,
      groups: seats.groups,
      devices: seats.devices,
      streams,
      place: {
        device: simulated ? 'reference' : 'gpu',
        ranks: seats.groups[0]!.size,
        here: seats.groups.map(({ rank }) => rank),
        launcher: seats.launcher,
        ranksPerDevice,
        devices: seats.devices.map(({ ordinal, facts }) => ({ ordinal, facts })),
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await closeGroups();
    throw error;
  }
}
