import { findStage, type PatternName, type Stage } from '@arfuse/contract';

/** The pattern that a chain of stages is an instance of. Bias, scale and merge are stages, not names. */
export function patternName(stages: readonly Stage[]): PatternName {
  const chain = findStage(stages, 'pre_norm')
    ? 'ar_prepost'
    : findStage(stages, 'residual')
      ? 'ar_add_rms'
      : 'ar_rms';
  const quant = findStage(stages, 'quant');
  return quant ? `${chain}_${quant.scheme}` : chain;
}
