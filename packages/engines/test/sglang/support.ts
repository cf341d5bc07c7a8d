import type { EngineSettings, IoDType, LaunchMode, SiteClass, Target } from '@arfuse/contract';
import type { Engine, EngineQuestion, EngineScope } from '../../src/index.ts';
import { openEngine } from '../../src/index.ts';
import { siteClass } from '../support.ts';

/** A box with its settings; one node of eight H200 without multicast unless said otherwise. */
export interface Box {
  readonly capability?: number;
  readonly size?: number;
  readonly nodes?: number;
  readonly multicast?: boolean;
  readonly interconnect?: Target['interconnect'];
  readonly graphUpTo?: number;
  readonly sku?: string;
  readonly groupName?: string;
  readonly config?: EngineSettings['config'];
  readonly env?: EngineSettings['env'];
}

export function targetOf({
  capability = 90,
  size = 8,
  nodes = 1,
  multicast = false,
  interconnect = 'nvlink-switch',
  graphUpTo = 512,
  sku = 'h200-sxm',
}: Box): Target {
  return {
    sku,
    capability,
    interconnect,
    multicast,
    groups: { default: { size, nodes } },
    tokens: { max: 16384, buckets: [], graphUpTo },
    libraries: {},
  };
}

export const sglang = ({ config = {}, env = {} }: Box = {}): Engine =>
  openEngine('sglang@0.5.23', { config, env });

export function scopeOf(box: Box, site: EngineScope['site'] = siteClass()): EngineScope {
  const target = targetOf(box);
  return {
    site,
    target,
    group: target.groups.default!,
    groupName: box.groupName ?? 'tp:0',
  };
}

/** A plain all-reduce of rows of so many elements. */
export const plainOf = (hidden: number, dtype: IoDType = 'bf16'): EngineScope['site'] => ({
  ...siteClass({ hidden, dtype }),
  id: 'p0',
  pattern: 'all_reduce',
  stages: [{ kind: 'all_reduce' }],
  outputs: ['all_reduce'],
});

export function ask(
  box: Box,
  tokens: number,
  mode: LaunchMode = 'graph',
  site: EngineScope['site'] = siteClass(),
): ReturnType<Engine['today']> {
  const question: EngineQuestion = { ...scopeOf(box, site), tokens, mode };
  return sglang(box).today(question);
}

/** The kernel of a plain all-reduce of so many bytes, a multiple of 16. */
export const plainKernel = (box: Box, bytes: number, mode: LaunchMode = 'graph'): string =>
  ask(box, bytes / 16, mode, plainOf(8)).steps[0]!.kernel;

/** The first kernel of a fusion site. */
export const siteKernel = (
  box: Box,
  tokens: number,
  mode: LaunchMode = 'graph',
  site?: SiteClass,
): string => ask(box, tokens, mode, site).steps[0]!.kernel;

/** Leaves FlashInfer out of the way. */
export const NO_FUSION = { 'enforce-disable-flashinfer-allreduce-fusion': 'true' };

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const NCCL = '@arfuse/nccl/all-reduce';
