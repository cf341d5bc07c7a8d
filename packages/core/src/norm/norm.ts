import {
  admission,
  findStage,
  formatStages,
  type Kernel,
  type KernelOffer,
  type NumericsRecord,
  type StageKind,
  type StepParameter,
  type StepRequest,
} from '@arfuse/contract';

const LOCAL: ReadonlySet<StageKind> = new Set([
  'bias',
  'scale',
  'pre_norm',
  'residual',
  'norm',
  'quant',
]);

/**
 * The rounding points that a run leaves open, as the site has them. What an earlier step stored is rounded already.
 */
function follow({ stages, numerics }: StepRequest): Partial<NumericsRecord> {
  const norm = findStage(stages, 'norm');
  const quant = findStage(stages, 'quant');
  return {
    ...(findStage(stages, 'pre_norm')
      ? { preNormWeightMultiply: numerics.preNormWeightMultiply }
      : {}),
    ...(norm
      ? {
          normInput: stages[0] === norm ? ('rounded' as const) : numerics.normInput,
          weightMultiply: numerics.weightMultiply,
        }
      : {}),
    ...(quant
      ? { quantInput: norm ? numerics.quantInput : ('rounded' as const), nan: numerics.nan }
      : {}),
  };
}

function offer(request: StepRequest): KernelOffer {
  const followed = follow(request);
  const params: Record<string, StepParameter> = {};
  for (const [name, value] of Object.entries(followed)) params[name] = value;
  // One block per row, its shape a function of the hidden size alone.
  return { params, numerics: { ...followed, geometryInvariant: true } };
}

/**
 * One pass over the rows: bias, scale, first norm of a sandwich, residual add, norm and quantiser, each where the run
 * has it, with every intermediate result that is read. Follows the site's rounding points, which are its parameters.
 */
export const norm: Kernel = {
  id: '@arfuse/native/norm',
  title: 'separate add, RMSNorm and quantise kernel',
  collective: false,
  complexity: 1,
  admit: ({ stages }) =>
    admission([
      !stages.every((stage) => LOCAL.has(stage.kind)) &&
        `performs what follows an all-reduce on one rank, not ${formatStages(stages)}.`,
    ]),
  offer,
  workspace: () => ({ bytes: 0 }),
};
