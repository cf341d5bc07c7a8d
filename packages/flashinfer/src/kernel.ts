import {
  admission,
  BackendError,
  formatStages,
  type Kernel,
  type KernelOffer,
  type NumericsRecord,
  type StepRequest,
} from '@arfuse/contract';
import { type FusionOptions, needsZeroResidual, refusals } from './admit.ts';
import { type FusionRun, fusionRun, patternCode } from './run.ts';
import { type Shot, workspaceBytes } from './workspace.ts';

const TITLES: Readonly<Record<Shot, string>> = {
  'one-shot': 'FlashInfer fusion, one-shot (Lamport push)',
  'two-shot': 'FlashInfer fusion, two-shot (reduce-scatter, all-gather)',
};

/** The run of an admitted request. */
function runOf(id: string, request: StepRequest): FusionRun {
  const run = fusionRun(request.stages);
  if (run) return run;
  throw new BackendError({
    message: `${id} was asked to perform ${formatStages(request.stages)}, which it refuses.`,
    hint: 'Call admit() first.',
  });
}

/**
 * What the kernels compute: f32 sums in rank order, rounded once; the norm of the rounded residual; the weight before
 * the down-cast; a quantiser of the rounded norm.
 */
function numericsOf({ norm, quant }: FusionRun): Partial<NumericsRecord> {
  return {
    accumulate: 'f32',
    reduceOrder: 'rank',
    hopRounding: false,
    allReduceRounded: true,
    // The norm's reduction follows the cluster shape, which follows the token count.
    geometryInvariant: norm === undefined,
    ...(norm?.kind === 'pre_norm' ? { preNormWeightMultiply: 'before' as const } : {}),
    ...(norm?.kind === 'norm'
      ? {
          normInput: 'rounded' as const,
          weightMultiply: 'before' as const,
          weightBias: norm.weightBias,
          weightDtype: norm.weightDtype,
        }
      : {}),
    ...(quant
      ? {
          quantInput: 'rounded' as const,
          scaleFloor: quant.scaleFloor,
          scaleForm: quant.scaleForm,
          scaleLayout: quant.scaleLayout,
        }
      : {}),
    // Absmax skips NaN and the clamp makes it finite; a static scale keeps it.
    nan: quant && quant.scheme !== 'fp8_static' ? 'lost' : 'propagate',
  };
}

export function fusionKernel(shot: Shot, options: FusionOptions): Kernel {
  const id = `@arfuse/flashinfer/${shot}`;
  return {
    id,
    title: TITLES[shot],
    collective: true,
    complexity: 3,
    admit: (request) => admission(refusals(shot, request, options)),
    offer: (request): KernelOffer => {
      const run = runOf(id, request);
      return {
        params: {
          pattern: patternCode(run, request.outputs.includes('norm')),
          oneShot: shot === 'one-shot',
          fp32Acc: true,
          pdl: options.pdl,
          triggerCompletionAtEnd: true,
          weightBias: run.norm?.weightBias ?? 0,
          zeroResidual: needsZeroResidual(run),
          layout: run.quant?.scheme === 'nvfp4' ? run.quant.scaleLayout : null,
          groupSize: run.quant?.groupSize ?? null,
        },
        numerics: numericsOf(run),
      };
    },
    workspace: (request) => ({
      bytes: workspaceBytes(shot, request, needsZeroResidual(runOf(id, request))),
    }),
  };
}
