import { itemsize } from '@arfuse/contract';
import type { EngineScope } from '../engine.ts';
import { entryOf } from './fused-form.ts';
import type { VllmHost } from './host.ts';
import type { VllmRelease } from './versions.ts';

const MIB = 2 ** 20;

/** Whether the fusion pass runs on a host, or the sentence why it does not. */
export interface FusionState {
  readonly on: boolean;
  readonly reason: string;
}

/** Limit of the fusion in bytes, inclusive; undefined where vLLM has none. The user's value wins on any device. */
export function fusionBytes(
  { target, group, settings }: VllmHost,
  release: VllmRelease,
): number | undefined {
  if (!release.groupSizes.includes(group.size)) return undefined;
  const mib = settings.maxSizeMb ?? entryOf(release.fusedMiB, target.capability, group.size);
  return mib === undefined ? undefined : Math.trunc(mib * MIB);
}

/** Whether vLLM's AllReduceFusionPass is active: its default rule, or the user's word, and what it needs to start. */
export function fusionState(host: VllmHost, release: VllmRelease): FusionState {
  const {
    target,
    group,
    settings,
    batchInvariant,
    optimizationLevel,
    flashInferInstalled,
    flashInfer,
  } = host;
  const off = (reason: string): FusionState => ({ on: false, reason: `${reason}.` });
  if (settings.fuse === false) return off('pass_config.fuse_allreduce_rms=false');
  if (group.size <= 1) return off('the group has one rank');
  if (settings.fuse !== true) {
    if (optimizationLevel < 2)
      return off(`fuse_allreduce_rms is off at optimization_level=${optimizationLevel}`);
    if (batchInvariant)
      return off('VLLM_BATCH_INVARIANT=1: the fused kernel is not batch-invariant');
    if (target.capability !== 90 && Math.floor(target.capability / 10) !== 10)
      return off(
        `fuse_allreduce_rms is off by default on compute capability ${target.capability / 10}: it is on for 9.0 and 10.x`,
      );
  }
  if (!flashInferInstalled) return off('FlashInfer is not usable');
  if (flashInfer.backend === null)
    return off(`there is no FlashInfer workspace: ${flashInfer.reason}`);
  if (fusionBytes(host, release) === undefined) {
    return off(
      release.groupSizes.includes(group.size)
        ? `the table of limits has no row for compute capability ${target.capability / 10} and ${group.size} ranks`
        : `limits are looked up for groups of ${release.groupSizes.join(', ')}; this one has ${group.size}`,
    );
  }
  return { on: true, reason: '' };
}

/** Largest row count that the pass's own limit admits: the widest model that shares the workspace counts. */
export function fusionTokens(host: VllmHost, release: VllmRelease, scope: EngineScope): number {
  const bytes = fusionBytes(host, release) ?? 0;
  const hidden = Math.max(scope.site.hidden, host.settings.draftHidden ?? 0);
  return Math.min(Math.floor(bytes / (hidden * itemsize(scope.site.dtype))), host.maxBatchedTokens);
}

/**
 * Last row counts of vLLM's compiled ranges, ascending. The fusion's endpoint is of the target model's hidden size, while
 * the pass's limit is of the wider of target and draft.
 */
export function rangeEnds(host: VllmHost, release: VllmRelease, scope: EngineScope): number[] {
  const { settings, maxBatchedTokens } = host;
  const ends = new Set([maxBatchedTokens]);
  const bytes = fusionState(host, release).on ? fusionBytes(host, release) : undefined;
  if (bytes !== undefined) {
    const tokens = Math.floor(bytes / (scope.site.hidden * itemsize(scope.site.dtype)));
    if (tokens < maxBatchedTokens) ends.add(tokens);
  }
  for (const end of settings.endpoints ?? []) if (end > 1 && end < maxBatchedTokens) ends.add(end);
  return [...ends].filter((end) => end >= 1).sort((a, b) => a - b);
}

/** Last row count that is fused: ends of compiled ranges that the limit admits. 0 when none is. */
export function fusedUpTo(host: VllmHost, release: VllmRelease, scope: EngineScope): number {
  if (!fusionState(host, release).on) return 0;
  const limit = fusionTokens(host, release, scope);
  return rangeEnds(host, release, scope).findLast((end) => end <= limit) ?? 0;
}
