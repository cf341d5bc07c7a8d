import type { EngineLever } from '../engine.ts';
import { fusionBytes, fusionState } from './fusion.ts';
import type { VllmHost } from './host.ts';
import { fusionMaxSizeMb } from './max-size.ts';
import type { VllmRelease } from './versions.ts';

const choice = (
  where: EngineLever['where'],
  name: string,
  sentence: string,
  citation: string,
  values: readonly string[],
): EngineLever => ({ where, name, sentence, citation, values: () => values });

/** Settings of vLLM that change what it dispatches here and that the user has not set. */
export function vllmLevers(host: VllmHost, release: VllmRelease): EngineLever[] {
  const { settings, facts, group, target } = host;
  const found: EngineLever[] = [];
  if (settings.maxSizeMb === null && fusionState(host, release).on) {
    const today = fusionBytes(host, release)!;
    found.push({
      where: 'config',
      name: 'pass_config.fi_allreduce_fusion_max_size_mb',
      sentence: 'All-reduce and norm are fused up to this many MiB of tokens × hidden × itemsize.',
      citation: release.citation,
      values: (rowBytes, tokens) => [
        String(today / 2 ** 20),
        ...tokens
          .filter((count) => count * rowBytes !== today)
          .map((count) => String(fusionMaxSizeMb(count, rowBytes, 1))),
      ],
    });
  }
  if (settings.fuse === null && fusionState(host, release).on)
    found.push(
      choice(
        'config',
        'pass_config.fuse_allreduce_rms',
        'Whether all-reduce and norm are fused at all.',
        release.citation,
        ['true', 'false'],
      ),
    );
  if (settings.useFlashInfer === null)
    found.push(
      choice(
        'env',
        'VLLM_ALLREDUCE_USE_FLASHINFER',
        'Whether plain all-reduces try FlashInfer before the custom all-reduce and symmetric memory.',
        facts.citations.standalone,
        ['1', '0'],
      ),
    );
  if (settings.useSymmetricMemory === null && host.symmetric.works)
    found.push(
      choice(
        'env',
        'VLLM_ALLREDUCE_USE_SYMM_MEM',
        "Whether plain all-reduces may take PyTorch's symmetric memory.",
        facts.citations.symmetric,
        ['1', '0'],
      ),
    );
  if (settings.useNcclSymmetric === null && group.size >= 4)
    found.push(
      choice(
        'env',
        'VLLM_USE_NCCL_SYMM_MEM',
        'Whether plain all-reduces may take NCCL over symmetric memory.',
        facts.citations.ncclSymmetric,
        ['0', '1'],
      ),
    );
  if (
    settings.flashInferBackend === null &&
    group.nodes === 1 &&
    host.flashInfer.backend === 'mnnvl'
  )
    found.push(
      choice(
        'env',
        'VLLM_FLASHINFER_ALLREDUCE_BACKEND',
        "Which of FlashInfer's kernels fuse and reduce.",
        facts.citations.backend,
        ['auto', 'trtllm'],
      ),
    );
  if (
    settings.disableCustomAllReduce === null &&
    facts.customGroupSizes.includes(group.size) &&
    target.capability > 0
  )
    found.push(
      choice(
        'config',
        'disable_custom_all_reduce',
        "Whether vLLM's own all-reduce is left out.",
        facts.citations.custom,
        ['false', 'true'],
      ),
    );
  return found;
}
