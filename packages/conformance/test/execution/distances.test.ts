import { measure, POISON } from '@arfuse/conformance';
import type { IoDType, QuantStage, SiteClass } from '@arfuse/contract';
import { fromBits, toBits, ulpDistance } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import { boundsOf } from '../../src/execution/judging/bounds.ts';
import type { ScaledCodes } from '../../src/execution/judging/distances.ts';

describe('measure', () => {
  it('takes the poison for unwritten, but not a step from what is expected', () => {
    const found = Uint8Array.of(POISON, POISON, 3);
    const near = measure('f8e4m3fn', found, Uint8Array.of(POISON - 1, POISON + 1, 3));
    expect(near).toMatchObject({ different: 2, unwritten: 0, worst: 1 });
    const far = measure('f8e4m3fn', found, Uint8Array.of(POISON - 1, POISON + 2, 3));
    expect(far).toMatchObject({ different: 2, unwritten: 1, first: { unwritten: 1 } });
  });

  it('takes the poison for written where scales make up for the distance of codes', () => {
    const quant = { scaleDtype: 'f8e8m0fnu', groupSize: 2, scaleLayout: 'row_major' } as QuantStage;
    const scaled = (found: number): ScaledCodes => ({
      quant,
      hidden: 2,
      rows: 1,
      found: Uint8Array.of(found),
      expected: Uint8Array.of(127),
    });
    // A binade below, a code is 8 less.
    const codes = [Uint8Array.of(POISON, 3), Uint8Array.of(POISON - 8, 3)] as const;
    expect(measure('f8e4m3fn', ...codes, scaled(126))).toMatchObject({ unwritten: 0, worst: 0 });
    expect(measure('f8e4m3fn', ...codes, scaled(127))).toMatchObject({ unwritten: 1 });
  });
});

describe('the bound of a scale', () => {
  const quant = { kind: 'quant', scheme: 'fp8_token', scaleDtype: 'f32' } as QuantStage;
  const boundOf = (dtype: IoDType): number => {
    const site = { dtype, stages: [quant], outputs: ['scale'] } as unknown as SiteClass;
    const steps = [{ kernel: 'other', covers: ['norm'] as const }];
    const segment = { steps, numerics: {} } as unknown as Parameters<typeof boundsOf>[0]['segment'];
    return boundsOf({ site, segment }, () => false).get('scale')!.ulps;
  };
  const scaleOf = (absmax: number): number => Math.fround(Math.fround(absmax) / 448);

  // A norm that is one step off, at every magnitude of a binade.
  it.each(['bf16', 'f16'] as const)(
    '%s: is what a step of the norm can make, and no more',
    (dtype) => {
      const one = toBits(dtype, 1);
      const steps = dtype === 'bf16' ? 128 : 1024;
      const moved = Array.from({ length: steps }, (_, i) => {
        const [norm, next] = [fromBits(dtype, one + i), fromBits(dtype, one + i + 1)];
        return ulpDistance('f32', scaleOf(norm), scaleOf(next));
      });
      const bound = boundOf(dtype);
      expect(Math.max(...moved)).toBeLessThanOrEqual(bound);
      expect(Math.max(...moved)).toBeGreaterThan(bound - 32);
    },
  );
});
