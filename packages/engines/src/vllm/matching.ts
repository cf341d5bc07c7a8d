import {
  type EngineMatch,
  findStage,
  type NormAttributes,
  type SiteClass,
  type StageKind,
} from '@arfuse/contract';
import type { VllmRelease } from './versions.ts';

/** Stages between the all-reduce and its norm that no pattern has. */
const FOREIGN: Readonly<Partial<Record<StageKind, string>>> = {
  merge: 'it sums two all-reduces',
  bias: 'a bias is added after its all-reduce',
  scale: 'its all-reduce is scaled by a constant',
};

/** Why no pattern takes the all-reduce with the norm that follows it; empty when one does. */
function normRefusals(norm: NormAttributes, site: SiteClass, release: VllmRelease): string[] {
  const { eps, weightDtype, weightBias } = norm;
  const gemma = weightBias === 1;
  return [
    !release.eps.includes(eps) &&
      `its norm has eps ${eps}; vLLM's patterns are traced with ${release.eps.join(' and ')} only, so nothing is fused.`,
    weightDtype === null &&
      "its norm has no weight; vLLM's patterns have one, so nothing is fused.",
    gemma &&
      !release.gemmaPatterns &&
      `it is a Gemma norm (1 + w); vLLM ${release.version} has no pattern for it.`,
    !gemma &&
      weightDtype !== null &&
      weightDtype !== site.dtype &&
      `its weight is ${weightDtype} and its activations are ${site.dtype}; vLLM's patterns are guarded to one dtype.`,
  ].filter((reason): reason is string => typeof reason === 'string');
}

/** Why the quantiser behind a fused norm runs by itself; empty when a pattern takes it too, or there is none. */
function quantRefusals(site: SiteClass, gemma: boolean, capability: number): string[] {
  const quant = findStage(site.stages, 'quant');
  if (!quant) return [];
  const separate = 'vLLM fuses the norm and quantises separately.';
  const adds = findStage(site.stages, 'residual') !== undefined;
  return [
    (quant.scheme === 'fp8_token' || quant.scheme === 'fp8_group') &&
      `vLLM has no pattern for ${quant.scheme}; ${separate}`,
    quant.scheme === 'nvfp4' &&
      capability < 100 &&
      `vLLM has NVFP4 patterns from compute capability 10.0 on; the target has ${capability / 10}. ${separate}`,
    gemma &&
      `it is a Gemma norm (1 + w) followed by a quantiser; vLLM has Gemma patterns without quantiser only. ${separate}`,
    site.outputs.includes('norm') &&
      `its normed value is read besides the quantised one, which vLLM's patterns do not return; ${separate}`,
    adds &&
      !site.outputs.includes('residual') &&
      `its residual is not read again; vLLM's patterns with a quantiser return it, and one whose output nobody reads never matches; ${separate}`,
  ].filter((reason): reason is string => typeof reason === 'string');
}

function patternName(adds: boolean, gemma: boolean, scheme: string | undefined): string {
  const fused = adds ? 'FusedAdd' : '';
  if (scheme === 'fp8_static')
    return `AllReduceFused${adds ? 'Add' : ''}RMSNormStaticQuantFP8Pattern`;
  if (scheme === 'nvfp4') return `AllReduceFused${adds ? 'Add' : ''}RMSNormStaticQuantNVFP4Pattern`;
  return `AllReduce${fused}${gemma ? 'Gemma' : ''}RMSNormPattern`;
}

const unfused = (release: VllmRelease, reasons: readonly string[]): EngineMatch => ({
  fused: false,
  pattern: null,
  covers: [],
  reasons,
  citation: release.citation,
});

/**
 * What vLLM's fusion pass makes of a site class: the pattern that takes it, the stages of it that the fused op performs,
 * and why not more. The whole chain is fused when `fused` is set and `reasons` is empty.
 *
 * @param capability - compute capability ×10
 */
export function matchVllm(site: SiteClass, release: VllmRelease, capability: number): EngineMatch {
  const preNorm = findStage(site.stages, 'pre_norm');
  const residual = findStage(site.stages, 'residual');
  const norm = preNorm ?? findStage(site.stages, 'norm');
  const foreign = site.stages.flatMap(({ kind }) => FOREIGN[kind] ?? []);
  const adds = preNorm === undefined && residual !== undefined;
  const refusals = [
    ...foreign.map((what) => `${what}; vLLM has no pattern for that.`),
    ...(adds && residual.factor !== null
      ? [`its residual is scaled by ${residual.factor}; vLLM has no pattern for that.`]
      : []),
    ...(adds && site.outputs.includes('all_reduce')
      ? ["its all-reduced value is read besides the sum, which vLLM's patterns do not return."]
      : []),
    ...(site.dtype === 'f32'
      ? ["its activations are f32; vLLM's patterns are guarded to the model's 16-bit dtype."]
      : []),
    ...(norm ? normRefusals(norm, site, release) : []),
  ];
  if (refusals.length > 0 || !norm) return unfused(release, refusals);
  const gemma = norm.weightBias === 1;
  if (preNorm) {
    return {
      fused: true,
      pattern: patternName(false, gemma, undefined),
      covers: ['all_reduce', 'pre_norm'],
      reasons: ['it is a sandwich (all-reduce, norm, add, norm); vLLM fuses the first norm only.'],
      citation: release.citation,
    };
  }
  const reasons = quantRefusals(site, gemma, capability);
  const quant = reasons.length === 0 ? findStage(site.stages, 'quant') : undefined;
  return {
    fused: true,
    pattern: patternName(adds, gemma, quant?.scheme),
    covers: [
      'all_reduce',
      ...(adds ? ['residual' as const] : []),
      'norm',
      ...(quant ? ['quant' as const] : []),
    ],
    reasons,
    citation: release.citation,
  };
}
