import { Random, roundTo } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import { hopErrors } from '../gpu/src/nccl/hop-bound.mjs';

describe('the bound of sums that are rounded at every hop', () => {
  for (const dtype of ['bf16', 'f16', 'f32'] as const) {
    const random = new Random(7);
    const count = 4096;
    const values = () =>
      Float64Array.from({ length: count }, () => roundTo(dtype, random.normal()));
    const partials = Array.from({ length: 8 }, values);
    const residual = values();
    /** Adds from another rank on for every element, as chunks of a ring do. */
    const ring = (given: readonly Float64Array[]) =>
      Float64Array.from({ length: count }, (_, i) => {
        let sum = 0;
        for (let hop = 0; hop < given.length; hop += 1)
          sum = roundTo(dtype, sum + given[(i + hop) % given.length]![i]!);
        return sum;
      });

    it(`${dtype}: holds for a ring, and comes near it`, () => {
      const { beyond, worst, ulps } = hopErrors({ dtype, partials, found: ring(partials) });
      expect(beyond).toBe(-1);
      expect(worst).toBeGreaterThan(0.05);
      expect([...ulps.values()].reduce((a, b) => a + b)).toBe(count);
    });

    it(`${dtype}: holds with a residual that is added last`, () => {
      const found = ring(partials).map((sum, i) => roundTo(dtype, sum + residual[i]!));
      expect(hopErrors({ dtype, partials, residual, found }).beyond).toBe(-1);
    });

    it(`${dtype}: is broken by a rank that is left out, and by one element that is not a number`, () => {
      expect(hopErrors({ dtype, partials, found: ring(partials.slice(1)) }).beyond).toBeGreaterThan(
        -1,
      );
      const found = ring(partials);
      found[1234] = Number.NaN;
      expect(hopErrors({ dtype, partials, found }).beyond).toBe(1234);
    });
  }
});
