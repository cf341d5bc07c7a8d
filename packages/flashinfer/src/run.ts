import type { NormStage, PreNormStage, QuantStage, ResidualStage, Stage } from '@arfuse/contract';

/** A run of stages as the kernels see it: at most one residual, one norm and one quantiser after the all-reduce. */
export interface FusionRun {
  readonly residual?: ResidualStage;
  readonly norm?: NormStage | PreNormStage;
  readonly quant?: QuantStage;
}

/** The run, or undefined when no pattern code performs these stages in this order. */
export function fusionRun(stages: readonly Stage[]): FusionRun | undefined {
  const [first, ...rest] = stages;
  if (first?.kind !== 'all_reduce') return undefined;
  const run: { -readonly [K in keyof FusionRun]: FusionRun[K] } = {};
  for (const stage of rest) {
    if (stage.kind === 'residual' && !run.residual && !run.norm) run.residual = stage;
    else if (stage.kind === 'norm' && !run.norm) run.norm = stage;
    else if (stage.kind === 'pre_norm' && !run.norm && !run.residual) run.norm = stage;
    else if (stage.kind === 'quant' && run.norm?.kind === 'norm' && !run.quant) run.quant = stage;
    else return undefined;
  }
  return run.residual && !run.norm ? undefined : run;
}

/**
 * The `AllReduceFusionPattern` code of FlashInfer 0.7.2 that performs a run; the second form of each quantiser also
 * writes the normed value.
 */
export function patternCode(run: FusionRun, writesNorm: boolean): number {
  if (!run.norm) return 0;
  switch (run.quant?.scheme) {
    case undefined:
      return 1;
    case 'fp8_static':
      return writesNorm ? 4 : 2;
    case 'nvfp4':
      return writesNorm ? 5 : 3;
    case 'fp8_group':
      return writesNorm ? 9 : 8;
    case 'fp8_token':
      return writesNorm ? 11 : 10;
  }
}
