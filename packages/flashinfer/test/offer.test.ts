import { BackendError, type SiteOutput, type Stage } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { flashinfer } from '../src/index.ts';
import { AR, NORM, PRE_NORM, QUANT, RESIDUAL, request } from './request.ts';

const [oneShot, twoShot] = flashinfer().kernels;

describe('offer', () => {
  it.each<[readonly Stage[], readonly SiteOutput[], number]>([
    [[AR], ['all_reduce'], 0],
    [[AR, RESIDUAL, NORM], ['residual', 'norm'], 1],
    [[AR, PRE_NORM], ['pre_norm'], 1],
    [[AR, RESIDUAL, NORM, QUANT.fp8_static], ['residual', 'quant'], 2],
    [[AR, RESIDUAL, NORM, QUANT.fp8_static], ['norm', 'quant'], 4],
    [[AR, RESIDUAL, NORM, QUANT.nvfp4], ['quant', 'scale'], 3],
    [[AR, RESIDUAL, NORM, QUANT.nvfp4], ['norm', 'quant', 'scale'], 5],
    [[AR, RESIDUAL, NORM, QUANT.fp8_group], ['quant', 'scale'], 8],
    [[AR, RESIDUAL, NORM, QUANT.fp8_group], ['norm', 'quant', 'scale'], 9],
    [[AR, RESIDUAL, NORM, QUANT.fp8_token], ['quant', 'scale'], 10],
    [[AR, RESIDUAL, NORM, QUANT.fp8_token], ['norm', 'quant', 'scale'], 11],
  ])('%# takes pattern %s → %s', (stages, outputs, pattern) => {
    expect(oneShot!.offer(request({ stages, outputs })).params.pattern).toBe(pattern);
  });

  it('says what the kernel is launched with and what it computes', () => {
    const { params, numerics } = twoShot!.offer(request());
    expect(params).toEqual({
      pattern: 1,
      oneShot: false,
      fp32Acc: true,
      pdl: false,
      triggerCompletionAtEnd: true,
      weightBias: 0,
      zeroResidual: false,
      layout: null,
      groupSize: null,
    });
    expect(numerics).toMatchObject({
      accumulate: 'f32',
      reduceOrder: 'rank',
      hopRounding: false,
      allReduceRounded: true,
      normInput: 'rounded',
      weightMultiply: 'before',
      geometryInvariant: false,
      nan: 'propagate',
    });
  });

  it('feeds a zeroed residual where the site has none, and leaves the second norm of a sandwich alone', () => {
    const { params, numerics } = oneShot!.offer(
      request({ stages: [AR, PRE_NORM], outputs: ['pre_norm'] }),
    );
    expect(params).toMatchObject({ zeroResidual: true, weightBias: 1 });
    expect(numerics.preNormWeightMultiply).toBe('before');
    expect(numerics).not.toHaveProperty('weightMultiply');
    expect(numerics).not.toHaveProperty('normInput');
  });

  it('loses NaN in dynamic quantisers only', () => {
    const nan = (quant: Stage): unknown =>
      oneShot!.offer(request({ stages: [AR, RESIDUAL, NORM, quant] })).numerics.nan;
    expect([QUANT.fp8_static, QUANT.fp8_token, QUANT.fp8_group].map(nan)).toEqual([
      'propagate',
      'lost',
      'lost',
    ]);
  });

  it('keeps the workspace of flashinfer 0.7.2, in bytes', () => {
    const large = request({ rows: 2048, hidden: 8192 });
    const MiB = 2 ** 20;
    expect(oneShot!.workspace(large).bytes).toBe(192 * MiB + 20 + 7 * 8);
    expect(twoShot!.workspace(large).bytes).toBe(64 * MiB + 2 * 256 * 4 + 20 + 7 * 8);
    const zeroed = request({ rows: 2048, hidden: 8192, stages: [AR, NORM] });
    expect(oneShot!.workspace(zeroed).bytes).toBe((192 + 32) * MiB + 20 + 7 * 8);
  });

  it('throws for a run that it refuses', () => {
    expect(() => oneShot!.offer(request({ stages: [NORM] }))).toThrow(BackendError);
  });
});
