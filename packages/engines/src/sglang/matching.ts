import { type EngineMatch, findStage, type SiteClass, type StageKind } from '@arfuse/contract';
import { SGLANG } from './facts-0.5.23.ts';

/** SGLang's fused calls. */
export type FusedCall = 'kARResidualRMSNorm' | 'all_reduce_residual_norm';

/** Stages that stand between the all-reduce and the add in no layer that SGLang fuses. */
const FOREIGN: Readonly<Partial<Record<StageKind, string>>> = {
  merge: "it sums two all-reduces; SGLang's layer code defers one sum only.",
  bias: 'a bias is added after its all-reduce; the fused call has none.',
  scale: 'its all-reduce is scaled by a constant; the fused call has no factor.',
  pre_norm:
    "it is a sandwich (all-reduce, norm, add, norm); such layers write their residual themselves, which SGLang's fusions do not take.",
};

/** Why the layer code does not fuse a class; empty where it does. */
function refusals(site: SiteClass): string[] {
  const residual = findStage(site.stages, 'residual');
  const norm = findStage(site.stages, 'norm');
  const foreign = site.stages.flatMap(({ kind }) => FOREIGN[kind] ?? []);
  return [
    ...foreign,
    ...(residual === undefined && findStage(site.stages, 'pre_norm') === undefined
      ? ['it adds no residual before the norm; the fused call always adds one.']
      : []),
    ...(residual && residual.factor !== null
      ? [`its residual is scaled by ${residual.factor}; the fused call adds it as it is.`]
      : []),
    ...(site.outputs.includes('all_reduce')
      ? ['its all-reduced value is read besides the sum, which the fused call does not return.']
      : []),
    ...(site.dtype === 'f32'
      ? ['its activations are f32; the fused workspace is made for 16-bit activations.']
      : []),
    ...(norm && norm.weightDtype !== null && norm.weightDtype !== site.dtype
      ? [
          `its weight is ${norm.weightDtype} and its activations are ${site.dtype}; the fused call reads the weight in the dtype of the activations.`,
        ]
      : []),
  ];
}

/**
 * What SGLang's layer code makes of a site class. It fuses where a layer's sum, the add of the residual and the next
 * norm meet, whatever eps is, Gemma's `1 + w` included (the layer keeps that weight ready); a quantiser runs by itself.
 * Whether the fusion is on is not asked here.
 */
export function matchSglang(site: SiteClass, call: FusedCall): EngineMatch {
  const reasons = refusals(site);
  if (reasons.length > 0)
    return { fused: false, pattern: null, covers: [], reasons, citation: SGLANG.layerCode };
  const quant = findStage(site.stages, 'quant');
  return {
    fused: true,
    pattern: call,
    covers: ['all_reduce', 'residual', 'norm'],
    reasons: quant
      ? [`SGLang's fused call does not quantise (${quant.scheme}); the quantiser runs separately.`]
      : [],
    citation: SGLANG.layerCode,
  };
}
