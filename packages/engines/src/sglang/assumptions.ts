import type { EngineAssumption } from '@arfuse/contract';
import { largestSize } from './custom-all-reduce.ts';
import {
  CUSTOM_MAX_SIZE_KB,
  FUSED_ARCHITECTURES,
  FUSED_TOKENS,
  OWN_FUSION,
  PCIE_IPC_FALLBACK_ROWS,
  SGLANG,
} from './facts-0.5.23.ts';
import { askedBackend, flashInferFusion } from './fused.ts';
import type { SglangHost } from './host.ts';

type Value = EngineAssumption['value'];

/** A setting with its value, from the user where given. */
function setting(
  where: 'env' | 'config',
  name: string,
  given: Value,
  value: Value,
  sentence: string,
  citation: string,
): EngineAssumption {
  return { name, value, from: given === null ? 'default' : where, sentence, citation };
}

const fromTarget = (
  name: string,
  value: Value,
  sentence: string,
  citation: string,
): EngineAssumption => ({ name, value, from: 'target', sentence, citation });

function hostFacts(host: SglangHost): EngineAssumption[] {
  const { target, group, multicast, settings, nvlinkClique } = host;
  const ownModels = OWN_FUSION.architectures.join(', ');
  return [
    fromTarget(
      'tensor parallel group',
      group.size,
      `Group tp has ${group.size} ranks on ${group.nodes} node(s), by world= and nodes= of the target; a group name that SGLang does not use is taken as tp.`,
      SGLANG.groups,
    ),
    fromTarget(
      'multicast',
      multicast,
      multicast
        ? 'NVLink multicast is there, by multicast=on of the target.'
        : 'The group has no NVLink multicast: no multicast all-reduce, no PyTorch symmetric memory, no FlashInfer workspace; say multicast=on in the target if it has.',
      SGLANG.preflight,
    ),
    setting(
      'config',
      'model_architecture',
      settings.architecture,
      settings.architecture,
      settings.architecture === null
        ? `The model is taken for one of the ${FUSED_ARCHITECTURES.length} architectures for which the fusion is on by default, such as ${FUSED_ARCHITECTURES[4]}, and not for ${ownModels}; the graph does not say. Models that are not among them (dense Llama, for one) fuse only with flashinfer-allreduce-fusion-backend.`
        : FUSED_ARCHITECTURES.includes(settings.architecture)
          ? 'The fusion is on by default for it.'
          : 'It decides which fusion is on by default.',
      SGLANG.autoEnable,
    ),
    setting(
      'config',
      'flashinfer_installed',
      settings.flashInferInstalled,
      host.flashInferInstalled,
      'FlashInfer is on the machine.',
      SGLANG.gate,
    ),
    setting(
      'config',
      'nvlink_clique',
      settings.nvlinkClique,
      nvlinkClique,
      group.nodes === 1
        ? 'The ranks of one node share one NVLink clique.'
        : 'Whether the ranks of several nodes share one NVLink clique, as in GB200 and GB300 racks.',
      SGLANG.customHost,
    ),
    setting(
      'config',
      'expandable_segments',
      settings.expandableSegments,
      settings.expandableSegments ?? false,
      "Whether PyTorch's allocator uses expandable segments, which the custom all-reduce needs across nodes.",
      SGLANG.customHost,
    ),
    fromTarget(
      'graph mode',
      target.tokens.graphUpTo,
      `Launches up to this many tokens are CUDA graphs and take the graph table, and a graph is taken for a decode step; torch.compile is off.`,
      SGLANG.customOrder,
    ),
  ];
}

function fusionFacts(host: SglangHost): EngineAssumption[] {
  const { settings, group } = host;
  const fusion = flashInferFusion(host);
  const asked = askedBackend(host);
  return [
    setting(
      'config',
      'flashinfer-allreduce-fusion-backend',
      settings.backend,
      fusion.works ? fusion.backend : null,
      fusion.works
        ? `All-reduce, add and norm are fused by FlashInfer's ${fusion.backend} kernels${fusion.backend === 'cutedsl' ? '' : ` up to ${FUSED_TOKENS} tokens`}.`
        : `Nothing is fused by FlashInfer: ${fusion.reason}.`,
      asked.works && settings.backend === null ? SGLANG.autoEnable : SGLANG.backend,
    ),
    setting(
      'config',
      'enforce-disable-flashinfer-allreduce-fusion',
      settings.disableFusion,
      settings.disableFusion ?? false,
      'Turns the fusion off, and FlashInfer for plain all-reduces with it.',
      SGLANG.autoEnable,
    ),
    setting(
      'config',
      'flashinfer_workspace',
      settings.flashInferWorkspace,
      fusion.works,
      "Whether FlashInfer's workspace is created. Its preflight asks for a multicast granularity even for trtllm; without multicast it is taken to fail, which was deduced and not seen.",
      SGLANG.preflight,
    ),
    {
      name: 'token limit',
      value: FUSED_TOKENS,
      from: 'default',
      sentence:
        'Tokens up to which FlashInfer fuses, inclusive, and rows of its workspace; a constant of SGLang without a flag.',
      citation: SGLANG.gate,
    },
    {
      name: 'one-shot or two-shot',
      value: null,
      from: 'default',
      sentence: `SGLang leaves the form to FlashInfer, whose own rule counts ranks × bytes (${group.size} ranks here).`,
      citation: SGLANG.flashInferForm,
    },
    setting(
      'config',
      'enable-deterministic-inference',
      settings.deterministic,
      host.deterministic,
      'It turns fusion, custom all-reduce, PCIe-IPC and PyTorch symmetric memory off and pins NCCL to its tree.',
      SGLANG.deterministic,
    ),
    setting(
      'config',
      'attn-dp-size',
      settings.attentionDp,
      host.attentionDp,
      'Attention data parallelism above 1 turns the fusion off.',
      SGLANG.gate,
    ),
    setting(
      'config',
      'attn-cp-size',
      settings.attentionCp,
      settings.attentionCp ?? 1,
      'Attention context parallelism above 1 makes the attention group smaller than tp.',
      SGLANG.groups,
    ),
    setting(
      'config',
      'pp-size',
      settings.pipelineParallel,
      settings.pipelineParallel ?? 1,
      `Pipeline parallelism turns the own fusion of ${OWN_FUSION.architectures.join(', ')} off; no other rule depends on it.`,
      SGLANG.own,
    ),
    setting(
      'config',
      'moe-a2a-backend',
      settings.moeAllToAll,
      settings.moeAllToAll ?? 'none',
      'With another value the fusion is not on by default.',
      SGLANG.autoEnable,
    ),
  ];
}

function allReduceFacts(host: SglangHost): EngineAssumption[] {
  const { settings, custom, torchSymmetric, target } = host;
  const sizes = custom.works && custom.version === 2 ? custom.sizes : undefined;
  return [
    setting(
      'config',
      'disable-custom-all-reduce',
      settings.disableCustom,
      settings.disableCustom ?? false,
      custom.works
        ? `SGLang's own all-reduce (v${custom.version}) serves this group.`
        : `SGLang's own all-reduce does not serve this group: ${custom.reason}.`,
      SGLANG.customHost,
    ),
    setting(
      'env',
      'SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2',
      settings.customV2,
      settings.customV2 ?? true,
      "The all-reduce with a table by size; without it a port of vLLM's is taken up to 8 MiB.",
      SGLANG.environment,
    ),
    setting(
      'env',
      'SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB',
      settings.maxSizeKb,
      settings.maxSizeKb ?? CUSTOM_MAX_SIZE_KB,
      sizes
        ? `KiB to which its sizes are clipped; here it takes up to ${largestSize(sizes, 'graph') / 1024} KiB in graphs and ${largestSize(sizes, 'eager') / 1024} KiB eagerly.`
        : 'KiB to which its sizes are clipped; it does not run here.',
      SGLANG.customClip,
    ),
    setting(
      'env',
      'SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PULL_SIZE_KB',
      settings.forcePullKb,
      settings.forcePullKb,
      'A forced size of its pull buffer lifts the two-shot pull to it.',
      SGLANG.customClip,
    ),
    setting(
      'env',
      'SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PUSH_SIZE_KB',
      settings.forcePushKb,
      settings.forcePushKb,
      'A forced size of its push slots makes the one-shot push go up to it.',
      SGLANG.customClip,
    ),
    setting(
      'env',
      'SGLANG_ENABLE_PCIE_IPC_ALLREDUCE',
      settings.pcieIpc,
      settings.pcieIpc ?? false,
      "FlashInfer's all-reduce for PCIe boxes, behind the custom one.",
      SGLANG.pcieIpc,
    ),
    setting(
      'env',
      'SGLANG_PCIE_IPC_MAX_NUMEL',
      settings.pcieIpcMaxElements,
      settings.pcieIpcMaxElements,
      `Elements that its workspace holds; by default ${target.tokens.graphUpTo || PCIE_IPC_FALLBACK_ROWS} rows, the largest graph.`,
      SGLANG.pcieIpc,
    ),
    setting(
      'config',
      'enable-mscclpp',
      settings.mscclpp,
      settings.mscclpp ?? false,
      'MSCCL++ in graphs, in front of the custom all-reduce; it is taken to be installed and to have tuned every size.',
      SGLANG.mscclpp,
    ),
    setting(
      'config',
      'enable-torch-symm-mem',
      settings.torchSymmetric,
      settings.torchSymmetric ?? false,
      torchSymmetric.works
        ? 'PyTorch symmetric memory serves this group, behind the custom all-reduce.'
        : `PyTorch symmetric memory does not serve this group: ${torchSymmetric.reason}.`,
      SGLANG.symmetric,
    ),
    setting(
      'config',
      'enable-symm-mem',
      settings.ncclSymmetric,
      settings.ncclSymmetric ?? false,
      'NCCL over symmetric memory takes what neither MSCCL++ nor the custom all-reduce takes.',
      SGLANG.order,
    ),
    setting(
      'config',
      'enable-nccl-nvls',
      settings.ncclNvls,
      settings.ncclNvls ?? false,
      'NCCL may use NVLS with this flag or enable-symm-mem only, unless NCCL_NVLS_ENABLE is set outside.',
      SGLANG.nvls,
    ),
    setting(
      'env',
      'NCCL_NVLS_ENABLE',
      settings.nvlsEnvironment,
      host.nvls,
      host.nvls ? 'NCCL may use NVLS.' : 'NCCL does not use NVLS.',
      SGLANG.nvls,
    ),
  ];
}

/** Everything that the emulation takes for granted on a host, each with the setting that changes it. */
export const sglangAssumptions = (host: SglangHost): EngineAssumption[] => [
  ...hostFacts(host),
  ...fusionFacts(host),
  ...allReduceFacts(host),
];
