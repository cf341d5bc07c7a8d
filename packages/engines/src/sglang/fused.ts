import { findStage, itemsize, type LaunchMode, type SiteClass, UsageError } from '@arfuse/contract';
import {
  CUTEDSL_ARCHITECTURES,
  CUTEDSL_GROUP_SIZES,
  FLASHINFER_GROUP_SIZES,
  FUSED_ARCHITECTURES,
  FUSED_TOKENS,
  OWN_FUSION,
  SGLANG,
} from './facts-0.5.23.ts';
import { isBlackwell, isHopper, type SglangHost, type Working } from './host.ts';
import type { FusionBackend } from './settings.ts';

/** FlashInfer's kernels that a group fuses with, or the sentence why it does not. */
export type FlashInferFusion = Working<{ readonly backend: Exclude<FusionBackend, 'auto'> }>;

const off = (reason: string): { readonly works: false; readonly reason: string } => ({
  works: false,
  reason,
});

/** The backend that is asked for: by a flag, or by the model's default; a reason where there is none. */
export function askedBackend(host: SglangHost): Working<{
  readonly backend: FusionBackend;
  /** Whether a flag or a named model asks for it, so that the server would stop where it cannot run. */
  readonly stated: boolean;
}> {
  const { settings, target, group } = host;
  const { architecture } = settings;
  if (settings.disableFusion === true)
    return off('enforce-disable-flashinfer-allreduce-fusion=true');
  if (host.deterministic) return off('enable-deterministic-inference=true');
  if (settings.backend !== null) return { works: true, backend: settings.backend, stated: true };
  if (settings.enableFusion === true) return { works: true, backend: 'auto', stated: true };
  const mimo = architecture !== null && CUTEDSL_ARCHITECTURES.includes(architecture);
  if (architecture !== null && !mimo && !FUSED_ARCHITECTURES.includes(architecture))
    return off(`it is off by default for ${architecture}`);
  if (!isHopper(target) && !isBlackwell(target))
    return off(
      `it is on by default on compute capability 9.x and 10.x; the target has ${target.capability / 10}`,
    );
  if (host.attentionDp > 1)
    return off(`attention is data parallel (attn-dp-size=${host.attentionDp})`);
  if (group.nodes > 1 && !isBlackwell(target))
    return off(`it is off by default on ${group.nodes} nodes below compute capability 10.0`);
  if ((settings.moeAllToAll ?? 'none') !== 'none')
    return off(`it is off by default with moe-a2a-backend=${settings.moeAllToAll}`);
  if (!mimo) return { works: true, backend: 'auto', stated: architecture !== null };
  if (
    !isBlackwell(target) ||
    !CUTEDSL_GROUP_SIZES.includes(group.size) ||
    (settings.attentionCp ?? 1) > 1
  )
    return off(
      `${architecture} fuses by default on compute capability 10.x in groups of ${CUTEDSL_GROUP_SIZES.join(', ')} without attention context parallelism`,
    );
  return { works: true, backend: 'cutedsl', stated: true };
}

function stop(what: string, hint: string, host: SglangHost): never {
  throw new UsageError({
    message: `SGLang ${SGLANG.release} stops with an error: ${what}.`,
    hint,
    details: {
      backend: host.settings.backend,
      capability: host.target.capability,
      nodes: host.group.nodes,
      ranks: host.group.size,
    },
  });
}

const LEAVE_OUT = 'Leave the backend out, or set enforce-disable-flashinfer-allreduce-fusion=true.';

/** Which kernels a backend's name stands for; the server refuses the others when it starts. */
function resolve(backend: FusionBackend, host: SglangHost): Exclude<FusionBackend, 'auto'> {
  const { target, group } = host;
  const blackwell = isBlackwell(target);
  const several = group.nodes > 1;
  if (!isHopper(target) && !blackwell)
    stop(
      `FlashInfer's fusion needs compute capability 9.x or 10.x, and the target has ${target.capability / 10}`,
      LEAVE_OUT,
      host,
    );
  if (backend === 'cutedsl') {
    if (!blackwell) stop('backend cutedsl needs compute capability 10.x', LEAVE_OUT, host);
    return backend;
  }
  if (several && !blackwell)
    stop(
      `FlashInfer's fusion spans nodes on compute capability 10.x only, and the group spans ${group.nodes}`,
      LEAVE_OUT,
      host,
    );
  if (several && backend === 'trtllm')
    stop(
      `backend trtllm serves one node, and the group spans ${group.nodes}`,
      'Take mnnvl or auto.',
      host,
    );
  if (backend === 'auto') return blackwell ? 'mnnvl' : 'trtllm';
  return backend;
}

/** Why the workspace is not created; undefined where it is. */
function workspaceRefusal(
  backend: 'trtllm' | 'mnnvl',
  { multicast, settings }: SglangHost,
): string | undefined {
  if (settings.flashInferWorkspace === false) return 'flashinfer_workspace=false';
  if (multicast) return undefined;
  if (backend === 'mnnvl') return 'mnnvl needs NVLink multicast, which the group does not have';
  return settings.flashInferWorkspace === true
    ? undefined
    : 'the preflight of the workspace asks for a multicast granularity, which is taken to fail without NVLink multicast (flashinfer_workspace=true says that it does not)';
}

/**
 * Whether FlashInfer fuses in a group, and with which kernels.
 * @throws UsageError where the server would stop: a backend that the GPU, the nodes or the group size do not allow
 */
export function flashInferFusion(host: SglangHost): FlashInferFusion {
  const { group, flashInferInstalled } = host;
  if (group.size <= 1) return off('the group has one rank');
  const asked = askedBackend(host);
  if (!asked.works) return asked;
  if (!flashInferInstalled) return off('FlashInfer is not installed (flashinfer_installed=false)');
  const backend = resolve(asked.backend, host);
  if (backend === 'cutedsl') return cuteDsl(host);
  if (host.attentionDp > 1)
    return off(`attention is data parallel (attn-dp-size=${host.attentionDp})`);
  const sizes: readonly number[] = FLASHINFER_GROUP_SIZES[backend];
  if (!sizes.includes(group.size)) {
    const what = `FlashInfer's ${backend} kernels take groups of ${sizes.join(', ')}, and this one has ${group.size}`;
    if (asked.stated) stop(what, LEAVE_OUT, host);
    return off(what);
  }
  const refusal = workspaceRefusal(backend, host);
  return refusal === undefined ? { works: true, backend } : off(refusal);
}

function cuteDsl(host: SglangHost): FlashInferFusion {
  const { group, settings, multicast } = host;
  if (!CUTEDSL_GROUP_SIZES.includes(group.size))
    stop(
      `backend cutedsl serves groups of ${CUTEDSL_GROUP_SIZES.join(', ')}, and this one has ${group.size}`,
      LEAVE_OUT,
      host,
    );
  if (!multicast)
    stop('backend cutedsl needs NVLink multicast, which the group does not have', LEAVE_OUT, host);
  if (host.attentionDp > 1)
    return off(`attention is data parallel (attn-dp-size=${host.attentionDp})`);
  if ((settings.attentionCp ?? 1) > 1) return off(`attn-cp-size=${settings.attentionCp}`);
  if ((settings.moeAllToAll ?? 'none') !== 'none')
    return off(`moe-a2a-backend=${settings.moeAllToAll}`);
  return { works: true, backend: 'cutedsl' };
}

/** Largest row count of a fused launch by FlashInfer; the CuTe DSL workspace holds the largest batch. */
export const fusedTokens = (backend: Exclude<FusionBackend, 'auto'>): number =>
  backend === 'cutedsl' ? Number.POSITIVE_INFINITY : FUSED_TOKENS;

/**
 * Largest row count that FlashInfer's plain all-reduce takes in a group that has its workspace: what the workspace was
 * sized for, 2048 rows of the model.
 */
export const WORKSPACE_TOKENS = FUSED_TOKENS;

/** Whether a row splits into whole warps of 16-byte vectors, over at most 8 blocks of at most 1024 threads. */
function splits(hidden: number): boolean {
  const vectors = hidden / 8;
  return [1, 2, 3, 4, 5, 6, 7, 8].some(
    (blocks) => vectors % (32 * blocks) === 0 && vectors / blocks <= 1024,
  );
}

/** SGLang's own all-reduce + residual + norm for a class: the largest row count, or why it does not run. */
export function ownFusion(host: SglangHost, site: SiteClass): Working<{ readonly tokens: number }> {
  const { settings, target, custom } = host;
  const { architecture, forcePushKb } = settings;
  const models: readonly string[] = OWN_FUSION.architectures;
  if (architecture === null || !models.includes(architecture))
    return off(`only ${models.join(', ')} uses it (model_architecture)`);
  if (target.capability < 90) return off('it needs compute capability 9.0');
  if (!custom.works) return off(`it needs the custom all-reduce: ${custom.reason}`);
  if (custom.version !== 2) return off('it needs the custom all-reduce (v2)');
  if (host.attentionDp > 1) return off(`attn-dp-size=${host.attentionDp}`);
  if ((settings.attentionCp ?? 1) > 1) return off(`attn-cp-size=${settings.attentionCp}`);
  if ((settings.pipelineParallel ?? 1) > 1) return off(`pp-size=${settings.pipelineParallel}`);
  if ((settings.moeAllToAll ?? 'none') !== 'none')
    return off(`moe-a2a-backend=${settings.moeAllToAll}`);
  if (site.dtype !== 'bf16') return off(`it takes bf16; the activations are ${site.dtype}`);
  if (findStage(site.stages, 'norm')?.weightDtype !== 'bf16') return off('it takes a bf16 weight');
  if (!splits(site.hidden)) return off(`rows of ${site.hidden} elements do not split evenly`);
  const slot = forcePushKb === null ? OWN_FUSION.slotBytes : Math.max(forcePushKb, 1) * 1024;
  const rows = Math.floor(slot / (site.hidden * itemsize(site.dtype)));
  return { works: true, tokens: Math.min(OWN_FUSION.tokens, OWN_FUSION.counters, rows) };
}

/** Whether the own kernel takes a launch: decode and verification, which graph mode is taken for. */
export const ownTakes = (tokens: number, limit: number, mode: LaunchMode): boolean =>
  mode === 'graph' && tokens <= limit;

/** First row count of the own kernel's two-shot form. */
export const ownTwoShotFrom = (ranks: number): number =>
  OWN_FUSION.twoShotFrom[ranks] ?? OWN_FUSION.twoShotElse;
