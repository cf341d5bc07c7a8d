import type { EngineAssumption } from '@arfuse/contract';
import { entryOf } from './fused-form.ts';
import { fusionBytes, fusionState } from './fusion.ts';
import type { VllmHost } from './host.ts';
import type { VllmRelease } from './versions.ts';

type Value = EngineAssumption['value'];

/** A setting with its value, from the user where given. */
function setting(
  where: 'env' | 'config',
  name: string,
  given: Value,
  value: Value,
  sentence: string,
  citation?: string,
): EngineAssumption {
  return {
    name,
    value,
    from: given === null ? 'default' : where,
    sentence,
    ...(citation === undefined ? {} : { citation }),
  };
}

/** Everything that the emulation takes for granted on a host, each with the setting that changes it. */
export function vllmAssumptions(host: VllmHost, release: VllmRelease): EngineAssumption[] {
  const { target, group, facts, settings, flashInfer, symmetric } = host;
  const state = fusionState(host, release);
  const limit = fusionBytes(host, release);
  const fusion = release.citation;
  const { citations } = facts;
  return [
    {
      name: 'tensor parallel group',
      value: group.size,
      from: 'target',
      sentence: `Groups named tp have ${group.size} ranks on ${group.nodes} node(s), by world= and nodes= of the target; a group name that vLLM does not use is taken as tp.`,
      citation: citations.group,
    },
    {
      name: 'multicast',
      value: target.multicast,
      from: 'target',
      sentence: target.multicast
        ? 'NVLink multicast is there, by multicast=on of the target.'
        : 'There is no NVLink multicast: symmetric memory is off and FlashInfer falls back from mnnvl; say multicast=on in the target if there is.',
      citation: citations.backend,
    },
    setting(
      'config',
      'flashinfer_installed',
      settings.flashInferInstalled,
      host.flashInferInstalled,
      'FlashInfer is usable: flashinfer-cubin, or nvcc and ninja, are on the machine.',
      fusion,
    ),
    setting(
      'config',
      'optimization_level',
      settings.optimizationLevel,
      host.optimizationLevel,
      'The fusion is on by default from level 2 on.',
      fusion,
    ),
    setting(
      'config',
      'pass_config.fuse_allreduce_rms',
      settings.fuse,
      state.on,
      state.on
        ? 'All-reduce and norm are fused where patterns and limit allow.'
        : `Nothing is fused: ${state.reason}`,
      fusion,
    ),
    setting(
      'config',
      'pass_config.fi_allreduce_fusion_max_size_mb',
      settings.maxSizeMb,
      limit === undefined ? null : limit / 2 ** 20,
      limit === undefined
        ? 'There is no limit to fuse up to on this GPU and group size.'
        : `Fused up to this many MiB, inclusive${settings.maxSizeMb === null ? `: the table's row for ${target.capability / 10} and ${group.size} ranks` : ''}.`,
      fusion,
    ),
    {
      name: 'one-shot limit',
      value: entryOf(release.oneShotMiB, target.capability, group.size) ?? null,
      from: 'default',
      sentence:
        'MiB up to which a fused launch of the trtllm backend is one-shot, inclusive; without a row every launch is. There is no setting for it.',
      citation: fusion,
    },
    setting(
      'config',
      'max_num_batched_tokens',
      settings.maxBatchedTokens,
      host.maxBatchedTokens,
      'The last compiled range ends here; by default at tokens= of the target.',
      fusion,
    ),
    setting(
      'config',
      'compile_ranges_endpoints',
      settings.endpoints === null ? null : settings.endpoints.join(','),
      settings.endpoints === null ? null : settings.endpoints.join(','),
      'Further ends of compiled ranges; a range is fused as a whole or not at all.',
      fusion,
    ),
    setting(
      'config',
      'draft_hidden_size',
      settings.draftHidden,
      settings.draftHidden,
      'Hidden size of a speculative draft model; a wider one lowers the row count that is fused.',
      fusion,
    ),
    setting(
      'config',
      'data_parallel_size',
      settings.dataParallelSize,
      settings.dataParallelSize ?? 1,
      'No rule of this release depends on it.',
      fusion,
    ),
    setting(
      'config',
      'pipeline_parallel_size',
      settings.pipelineParallelSize,
      settings.pipelineParallelSize ?? 1,
      'No rule of this release depends on it.',
      fusion,
    ),
    setting(
      'env',
      'VLLM_BATCH_INVARIANT',
      settings.batchInvariant,
      host.batchInvariant,
      'Batch invariance turns the fusion, FlashInfer and symmetric memory off.',
      citations.order,
    ),
    setting(
      'env',
      'VLLM_FLASHINFER_ALLREDUCE_BACKEND',
      settings.flashInferBackend,
      flashInfer.backend,
      flashInfer.backend === null
        ? `No FlashInfer backend: ${flashInfer.reason}.`
        : `FlashInfer's ${flashInfer.backend} kernels: ${flashInfer.reason}.`,
      citations.backend,
    ),
    setting(
      'env',
      'VLLM_ALLREDUCE_USE_FLASHINFER',
      settings.useFlashInfer,
      host.useFlashInfer,
      'Plain all-reduces try FlashInfer before the custom all-reduce.',
      citations.standalone,
    ),
    setting(
      'config',
      'disable_custom_all_reduce',
      settings.disableCustomAllReduce,
      settings.disableCustomAllReduce ?? false,
      "vLLM's own all-reduce over peer memory.",
      citations.custom,
    ),
    setting(
      'env',
      'VLLM_ALLREDUCE_USE_SYMM_MEM',
      settings.useSymmetricMemory,
      host.useSymmetricMemory,
      symmetric.works
        ? 'Symmetric memory serves this group.'
        : `Symmetric memory does not serve this group: ${symmetric.reason}.`,
      citations.symmetric,
    ),
    setting(
      'env',
      'VLLM_USE_NCCL_SYMM_MEM',
      settings.useNcclSymmetric,
      settings.useNcclSymmetric ?? false,
      'NCCL over symmetric memory comes first where it is on.',
      citations.ncclSymmetric,
    ),
    setting(
      'env',
      'VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC',
      settings.usePcieIpc,
      settings.usePcieIpc ?? false,
      "FlashInfer's all-reduce for PCIe boxes; its workspace is taken to hold every size.",
      citations.order,
    ),
  ];
}
