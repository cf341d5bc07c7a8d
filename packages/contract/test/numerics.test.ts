import {
  DTYPES,
  deviationsOf,
  dtypeFromTorch,
  dtypeToTorch,
  isDType,
  itemsize,
  NUMERICS_FIELDS,
  type NumericsRecord,
} from '@arfuse/contract';
import { describe, expect, it } from 'vitest';

const site: NumericsRecord = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  normInput: 'unrounded',
  weightMultiply: 'after',
  weightBias: 0,
  weightDtype: 'bf16',
  preNormWeightMultiply: null,
  quantInput: null,
  scaleFloor: null,
  scaleForm: null,
  scaleLayout: null,
  nan: 'propagate',
  geometryInvariant: true,
  mergedPartials: false,
};

describe('deviationsOf', () => {
  it('lists every field of the record once', () => {
    expect(new Set(NUMERICS_FIELDS)).toEqual(new Set(Object.keys(site)));
  });

  it('leaves out what the program does not specify, and geometry, which is checked on the plan', () => {
    expect(
      deviationsOf(site, {
        ...site,
        accumulate: 'io',
        reduceOrder: 'ring',
        hopRounding: true,
        geometryInvariant: false,
      }),
    ).toEqual([]);
  });

  it('names the rest in field order with both values', () => {
    expect(deviationsOf(site, { ...site, weightBias: 1, normInput: 'rounded' })).toEqual([
      { name: 'normInput', site: 'unrounded', steps: 'rounded' },
      { name: 'weightBias', site: 0, steps: 1 },
    ]);
  });
});

describe('dtypes', () => {
  it('have a size and, where PyTorch names them, a way back', () => {
    for (const dtype of DTYPES) {
      expect(isDType(dtype)).toBe(true);
      expect(itemsize(dtype)).toBeGreaterThan(0);
      const name = dtypeToTorch(dtype);
      if (name !== dtype) expect(dtypeFromTorch(name)).toBe(dtype);
    }
    expect(dtypeFromTorch('toString')).toBeUndefined();
  });
});
