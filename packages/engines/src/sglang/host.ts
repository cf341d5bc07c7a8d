import { type Target, type TargetGroup, UsageError } from '@arfuse/contract';
import { type ClippedAllReduce, clippedAllReduce } from './custom-all-reduce.ts';
import { LEGACY_CUSTOM, SYMMETRIC } from './facts-0.5.23.ts';
import type { SglangSettings } from './settings.ts';

/** Something that either works, or has the reason why it does not. */
export type Working<T> =
  | ({ readonly works: true } & T)
  | { readonly works: false; readonly reason: string };

/** The custom all-reduce of a group: the current one, or the one that it replaced. */
export type CustomAllReduce = Working<
  { readonly version: 2; readonly sizes: ClippedAllReduce } | { readonly version: 1 }
>;

/** SGLang's settings with its defaults, on one group of one target. */
export interface SglangHost {
  readonly target: Target;
  readonly group: TargetGroup;
  readonly settings: SglangSettings;
  readonly deterministic: boolean;
  readonly attentionDp: number;
  readonly flashInferInstalled: boolean;
  /** NVLS can be used by the group. */
  readonly multicast: boolean;
  readonly nvlinkClique: boolean;
  /** Whether every pair of ranks of the group has NVLink. */
  readonly fullNvlink: boolean;
  readonly custom: CustomAllReduce;
  /** PyTorch symmetric memory, up to `bytes` exclusive. */
  readonly torchSymmetric: Working<{ readonly bytes: number }>;
  /** Whether NCCL may use NVLS. */
  readonly nvls: boolean;
}

/** GB200 and GB300 stand in racks whose nodes share one NVLink switch. */
const RACK = /^gb\d/;

export const isHopper = ({ capability }: Target): boolean => Math.floor(capability / 10) === 9;
export const isBlackwell = ({ capability }: Target): boolean => Math.floor(capability / 10) === 10;

function customAllReduce(
  target: Target,
  group: TargetGroup,
  settings: SglangSettings,
  facts: {
    readonly fullNvlink: boolean;
    readonly nvlinkClique: boolean;
    readonly multicast: boolean;
  },
): CustomAllReduce {
  const off = (reason: string): CustomAllReduce => ({ works: false, reason });
  if (settings.disableCustom === true) return off('disable-custom-all-reduce=true');
  if (settings.deterministic === true) return off('enable-deterministic-inference=true');
  const sizes =
    settings.customV2 === false
      ? undefined
      : clippedAllReduce(target.capability, group.size, settings, facts.multicast);
  const joined =
    group.nodes === 1
      ? facts.fullNvlink
      : facts.nvlinkClique && settings.expandableSegments === true;
  if (sizes && joined) return { works: true, version: 2, sizes };
  if (group.nodes > 1)
    return off(
      `the group spans ${group.nodes} nodes; that needs one NVLink clique and expandable segments (nvlink_clique=true, expandable_segments=true)`,
    );
  if (!(LEGACY_CUSTOM.groupSizes as readonly number[]).includes(group.size))
    return off(`it does not serve ${group.size} ranks`);
  if (group.size > 2 && !facts.fullNvlink)
    return off('more than 2 ranks need NVLink between all of them');
  return { works: true, version: 1 };
}

function torchSymmetric(
  target: Target,
  group: TargetGroup,
  settings: SglangSettings,
  multicast: boolean,
): SglangHost['torchSymmetric'] {
  const off = (reason: string) => ({ works: false as const, reason });
  const bytes = SYMMETRIC[group.size];
  if (settings.torchSymmetric !== true) return off('enable-torch-symm-mem is off');
  if (!isHopper(target) && !isBlackwell(target))
    return off(
      `it serves compute capability 9.x and 10.x; the target has ${target.capability / 10}`,
    );
  if (bytes === undefined) return off(`it serves 2, 4, 6 or 8 ranks; the group has ${group.size}`);
  if (!multicast)
    return off('its multicast pointer is 0: the group has no NVLink multicast (multicast=off)');
  return { works: true, bytes };
}

function checkAgainstTarget(target: Target, settings: SglangSettings): void {
  const stated = target.groups.default;
  const clash = (flag: string, value: number, word: string, known: number): never => {
    throw new UsageError({
      message: `${flag}=${value}, and the target says ${word}=${known}.`,
      hint: `Leave ${flag} out; the target names it.`,
      details: { [flag]: value, [word]: known },
    });
  };
  if (!stated) return;
  const { tensorParallel, nodes } = settings;
  if (tensorParallel !== null && tensorParallel !== stated.size)
    clash('tp-size', tensorParallel, 'world', stated.size);
  if (nodes !== null && nodes !== stated.nodes) clash('nnodes', nodes, 'nodes', stated.nodes);
}

/** @throws UsageError where a setting contradicts the target */
export function sglangHost(
  target: Target,
  group: TargetGroup,
  settings: SglangSettings,
): SglangHost {
  checkAgainstTarget(target, settings);
  const { interconnect, capability } = target;
  const nvlinkClique = settings.nvlinkClique ?? (group.nodes === 1 || RACK.test(target.sku));
  const multicast =
    target.multicast &&
    interconnect === 'nvlink-switch' &&
    capability >= 90 &&
    (group.nodes === 1 || nvlinkClique);
  const fullNvlink =
    interconnect === 'nvlink-switch' ||
    interconnect === 'nvlink-mesh' ||
    (interconnect === 'nvlink-bridge' && group.size === 2);
  const flagged = settings.ncclNvls === true || settings.ncclSymmetric === true;
  return {
    target,
    group,
    settings,
    deterministic: settings.deterministic ?? false,
    attentionDp: settings.attentionDp ?? 1,
    flashInferInstalled: settings.flashInferInstalled ?? true,
    multicast,
    nvlinkClique,
    fullNvlink,
    custom: customAllReduce(target, group, settings, { fullNvlink, nvlinkClique, multicast }),
    torchSymmetric: torchSymmetric(target, group, settings, multicast),
    nvls: (flagged || settings.nvlsEnvironment === true) && multicast,
  };
}
