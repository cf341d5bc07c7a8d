import { findStage, type NormAttributes, type SiteClass } from '@arfuse/contract';
import type { VllmRelease } from './versions.ts';

/** What vLLM's fusion pass makes of a site class. */
export interface VllmMatch {
  /** Whether one of its patterns is the whole chain. */
  readonly matched: boolean;
  /** Why not, and what vLLM does instead; empty when matched. */
  readonly reasons: readonly string[];
}

function normReasons(
  norm: NormAttributes,
  site: SiteClass,
  release: VllmRelease,
): (string | false)[] {
  const quantised = findStage(site.stages, 'quant') !== undefined;
  return [
    !release.eps.includes(norm.eps) &&
      `its norm has eps ${norm.eps}; vLLM's patterns are traced with ${release.eps.join(' and ')} only, so nothing is fused.`,
    norm.weightDtype === null &&
      "its norm has no weight; vLLM's patterns have one, so nothing is fused.",
    norm.weightBias === 1 &&
      quantised &&
      'it is a Gemma norm (1 + w) followed by a quantiser; vLLM has Gemma patterns without quantiser only.',
    norm.weightBias === 1 &&
      !release.gemmaPatterns &&
      `it is a Gemma norm (1 + w); patterns for it were not established for vLLM ${release.version}.`,
    norm.weightBias === 0 &&
      norm.weightDtype !== null &&
      norm.weightDtype !== site.dtype &&
      `its weight is ${norm.weightDtype} and its activations are ${site.dtype}; vLLM's patterns are guarded to one dtype.`,
  ];
}

function quantReasons(site: SiteClass, capability: number): (string | false)[] {
  const quant = findStage(site.stages, 'quant');
  if (!quant) return [];
  const separate = 'vLLM fuses the norm and quantises separately.';
  return [
    (quant.scheme === 'fp8_token' || quant.scheme === 'fp8_group') &&
      `vLLM has no pattern for ${quant.scheme}; ${separate}`,
    quant.scheme === 'nvfp4' &&
      capability < 100 &&
      `vLLM has NVFP4 patterns from compute capability 10.0 on; the target has ${capability / 10}. ${separate}`,
    site.outputs.includes('norm') &&
      `its normed value is read besides the quantised one, which vLLM's patterns do not return; ${separate}`,
  ];
}

/** Whether a pattern of vLLM's fusion pass is the class's whole chain, with reasons where it is not. */
export function matchVllm(site: SiteClass, release: VllmRelease, capability: number): VllmMatch {
  const has = (kind: SiteClass['stages'][number]['kind']) =>
    site.stages.some((stage) => stage.kind === kind);
  const norm = findStage(site.stages, 'norm');
  const residual = findStage(site.stages, 'residual');
  const reasons = [
    has('pre_norm') &&
      'it is a sandwich (all-reduce, norm, add, norm); vLLM can fuse the first norm only.',
    has('merge') && 'it sums two all-reduces; vLLM has no pattern for that.',
    has('bias') && 'a bias is added after its all-reduce; vLLM has no pattern for that.',
    has('scale') && 'its all-reduce is scaled by a constant; vLLM has no pattern for that.',
    residual !== undefined &&
      residual.factor !== null &&
      `its residual is scaled by ${residual.factor}; vLLM has no pattern for that.`,
    residual !== undefined &&
      site.outputs.includes('all_reduce') &&
      "its all-reduced value is read besides the sum, which vLLM's patterns do not return.",
    site.dtype === 'f32' &&
      "its activations are f32; vLLM's patterns are guarded to the model's 16-bit dtype.",
    ...(norm ? normReasons(norm, site, release) : []),
    ...quantReasons(site, capability),
  ].filter((reason): reason is string => typeof reason === 'string');
  return { matched: reasons.length === 0, reasons };
}
