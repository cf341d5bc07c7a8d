import { type Plan, UnsupportedError } from '@arfuse/contract';
import manifest from '../../package.json' with { type: 'json' };
import type { AgreementRecord, Group } from '../group/group.ts';
import { systemClock, until } from './clock.ts';
import { Executor } from './executor.ts';
import { openKernels } from './open-kernels.ts';
import { type ExecutorOptions, executorSettings } from './options.ts';
import { setAbort } from './recovery.ts';
import { joinDemands, plannedSegments } from './step-demands.ts';
import { allocateSymmetric, type OwnedSymmetricMemory } from './symmetric.ts';

/** The group that a plan's sites reduce over must be the group that runs it. */
function checkGroups(plan: Plan, size: number): void {
  const used = new Set(plan.sites.map(({ class: id }) => plan.classes.find((c) => c.id === id)));
  const ordinals = new Set([...used].flatMap((site) => (site ? [site.group] : [])));
  if (ordinals.size > 1) {
    const names = [...ordinals].map((ordinal) => plan.groups[ordinal]?.name ?? ordinal);
    throw new UnsupportedError({
      message: `the plan reduces over ${ordinals.size} groups (${names.join(', ')}); an executor runs one.`,
      hint: 'Plan each group of the model by itself.',
      details: { groups: names },
    });
  }
  for (const ordinal of ordinals) {
    const group = plan.groups[ordinal];
    if (group === undefined || group.size === size) continue;
    throw new UnsupportedError({
      message: `the plan is for ${group.size} ranks (group "${group.name}"); this group has ${size}.`,
      hint: `Start ${group.size} ranks, or plan for a target with groups of ${size}.`,
      details: { planned: group.size, size },
    });
  }
}

const WAIT_MS = 60_000;

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
  const settings = executorSettings(options);
  checkGroups(plan, group.size);
  const segments = new Map(
    plan.decisions.map((decision) => [decision.class, plannedSegments(plan, decision)]),
  );
  const demands = [
    ...joinDemands([...segments.values()].flat().flatMap(({ steps }) => steps)).values(),
  ];
  const channel = group.channel();
  const record: Record<string, string> = {
    plan: plan.hash,
    '@arfuse/runtime': manifest.version,
    ranksPerDevice: String(settings.ranksPerDevice),
    ...device.facts,
  };
  for (const { name, version } of backends) record[name] = version;
  await channel.agree(record);

  device.load();
  const stream = options.stream ?? device.createStream();
  const abort = device.pinned(64);
  setAbort(abort, 0);
  const shared: OwnedSymmetricMemory[] = [];
  const closeShared = async (): Promise<void> => {
    for (const memory of shared) memory.unmap();
    // Memory that a peer still maps may not be freed.
    if (shared.length > 0) await channel.barrier().catch(() => {});
    for (const memory of shared) memory.free();
    abort.close();
  };
  try {
    const opened = await openKernels(demands, backends, {
      device,
      stream,
      rank: group.rank,
      size: group.size,
      ranksPerDevice: settings.ranksPerDevice,
      abort,
      exchange: (message) => channel.exchange(message),
      symmetric: async (bytes) => {
        const memory = await allocateSymmetric(device, channel, group.rank, bytes);
        shared.push(memory);
        return memory;
      },
    });
    const libraries: AgreementRecord = Object.fromEntries(
      [...opened].flatMap(([name, executor]) =>
        Object.entries(executor.libraries).map(([library, version]) => [
          `${name} ${library}`,
          version,
        ]),
      ),
    );
    await channel.agree(libraries);
    await until(() => stream.idle(), clock, clock.now() + WAIT_MS);
    await channel.barrier();
    return new Executor({
      plan,
      group,
      channel,
      device,
      stream,
      abort,
      opened,
      segments,
      clock,
      deadlineMs: settings.deadlineMs,
      recoveryMs: settings.recoveryMs,
      closeShared,
    });
  } catch (error) {
    await closeShared();
    throw error;
  }
}
