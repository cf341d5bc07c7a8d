import type { NormAttributes, NumericsRecord, QuantAttributes } from '@arfuse/contract';

/** What a captured chain says about its roundings. */
export interface CapturedNumerics {
  readonly norm: NormAttributes;
  readonly quant: QuantAttributes | undefined;
  readonly normInput: NumericsRecord['normInput'];
  readonly weightMultiply: NumericsRecord['weightMultiply'];
  readonly preNormWeightMultiply: NumericsRecord['preNormWeightMultiply'];
  readonly quantInput: NumericsRecord['quantInput'];
  readonly nan: NumericsRecord['nan'];
}

/**
 * The record of a captured chain. A graph says "sum over the group": order, accumulator and rounding on the way
 * are its library's choice, while the result has the activation dtype.
 */
export function numericsOf(captured: CapturedNumerics): NumericsRecord {
  const { norm, quant } = captured;
  return {
    accumulate: 'unspecified',
    reduceOrder: 'unspecified',
    hopRounding: 'unspecified',
    allReduceRounded: true,
    normInput: captured.normInput,
    weightMultiply: captured.weightMultiply,
    weightBias: norm.weightBias,
    weightDtype: norm.weightDtype,
    preNormWeightMultiply: captured.preNormWeightMultiply,
    quantInput: captured.quantInput,
    scaleFloor: quant?.scaleFloor ?? null,
    scaleForm: quant?.scaleForm ?? null,
    scaleLayout: quant?.scaleLayout ?? null,
    nan: captured.nan,
    geometryInvariant: true,
    mergedPartials: false,
  };
}
