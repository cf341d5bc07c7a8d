import { type Target, type TargetGroup, UsageError } from '@arfuse/contract';
import type { VllmAllReduceFacts } from './all-reduce-facts.ts';
import type { VllmSettings } from './settings.ts';

/** Which FlashInfer backend a group gets; null where it gets none, with the reason. */
export interface ResolvedBackend {
  readonly backend: 'trtllm' | 'mnnvl' | null;
  readonly reason: string;
}

/** vLLM's settings with its defaults, on one group of one target. */
export interface VllmHost {
  readonly target: Target;
  readonly group: TargetGroup;
  readonly facts: VllmAllReduceFacts;
  readonly settings: VllmSettings;
  readonly flashInferInstalled: boolean;
  readonly useFlashInfer: boolean;
  readonly useSymmetricMemory: boolean;
  readonly batchInvariant: boolean;
  readonly optimizationLevel: number;
  readonly maxBatchedTokens: number;
  readonly flashInfer: ResolvedBackend;
  /** Whether symmetric memory serves this group at all; the reason where it does not. */
  readonly symmetric: { readonly works: boolean; readonly reason: string };
  /** Whether every pair of ranks of the group has NVLink. */
  readonly fullNvlink: boolean;
}

/** NVLS can be used: a switch, multicast allowed, Hopper or newer. */
function hasMulticast({ multicast, interconnect, capability }: Target): boolean {
  return multicast && interconnect === 'nvlink-switch' && capability >= 90;
}

function resolveBackend(
  target: Target,
  group: TargetGroup,
  settings: VllmSettings,
): ResolvedBackend {
  const asked = settings.flashInferBackend ?? 'auto';
  const multicast = hasMulticast(target);
  if (asked === 'trtllm') {
    if (group.nodes > 1) {
      throw new UsageError({
        message: `VLLM_FLASHINFER_ALLREDUCE_BACKEND=trtllm, and the group spans ${group.nodes} nodes: vLLM stops with an error.`,
        hint: 'Set mnnvl or auto.',
        details: { backend: asked, nodes: group.nodes },
      });
    }
    return { backend: 'trtllm', reason: 'VLLM_FLASHINFER_ALLREDUCE_BACKEND=trtllm' };
  }
  if (asked === 'mnnvl') {
    return multicast
      ? { backend: 'mnnvl', reason: 'VLLM_FLASHINFER_ALLREDUCE_BACKEND=mnnvl' }
      : {
          backend: null,
          reason:
            'mnnvl needs NVLink multicast, which the target does not have, and no other backend was allowed',
        };
  }
  if (group.nodes > 1) {
    return target.capability >= 100 && multicast
      ? { backend: 'mnnvl', reason: 'auto takes mnnvl on several nodes' }
      : {
          backend: null,
          reason: `auto needs compute capability 10.0 and NVLink multicast on ${group.nodes} nodes`,
        };
  }
  return multicast
    ? { backend: 'mnnvl', reason: 'auto takes mnnvl on one node with NVLink multicast' }
    : {
        backend: 'trtllm',
        reason: 'auto falls back to trtllm on one node without NVLink multicast',
      };
}

function symmetricMemory(
  target: Target,
  group: TargetGroup,
  facts: VllmAllReduceFacts,
  enabled: boolean,
): VllmHost['symmetric'] {
  const row = facts.symmetric[target.capability]?.[group.size];
  const reason = !enabled
    ? 'VLLM_ALLREDUCE_USE_SYMM_MEM=0'
    : row === undefined
      ? `its table has no row for compute capability ${target.capability / 10} and ${group.size} ranks`
      : group.nodes > 1 || !hasMulticast(target)
        ? 'its multicast pointer is 0: the target has no NVLink multicast (multicast=off)'
        : '';
  return { works: reason === '', reason };
}

/** @throws UsageError where a setting contradicts the target */
export function vllmHost(
  target: Target,
  group: TargetGroup,
  facts: VllmAllReduceFacts,
  settings: VllmSettings,
): VllmHost {
  const stated = settings.tensorParallelSize;
  const size = target.groups.default?.size;
  if (stated !== null && size !== undefined && stated !== size) {
    throw new UsageError({
      message: `tensor_parallel_size=${stated}, and the target says world=${size}.`,
      hint: 'Leave tensor_parallel_size out; the target names the group size.',
      details: { tensor_parallel_size: stated, world: size },
    });
  }
  const useSymmetricMemory = settings.useSymmetricMemory ?? true;
  return {
    target,
    group,
    facts,
    settings,
    flashInferInstalled: settings.flashInferInstalled ?? true,
    useFlashInfer: settings.useFlashInfer ?? true,
    useSymmetricMemory,
    batchInvariant: settings.batchInvariant ?? false,
    optimizationLevel: settings.optimizationLevel ?? 2,
    maxBatchedTokens: settings.maxBatchedTokens ?? target.tokens.max,
    flashInfer: resolveBackend(target, group, settings),
    symmetric: symmetricMemory(target, group, facts, useSymmetricMemory),
    fullNvlink: target.interconnect === 'nvlink-switch' || target.interconnect === 'nvlink-mesh',
  };
}
