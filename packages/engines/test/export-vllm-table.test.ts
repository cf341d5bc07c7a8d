import { describe, expect, it } from 'vitest';
import { exportVllm, fusionMaxTokens, vllmRelease } from '../src/index.ts';
import { planOf, STAGES, segment, siteClass } from './support.ts';

const prefix = { c0: [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')] };

describe('several hidden sizes', () => {
  it('divides by the widest rows of the group, fused or not, as vLLM does for target and draft', () => {
    const classes = [
      siteClass({ hidden: 4096 }),
      siteClass({ id: 'c1', hidden: 6144, stages: [{ kind: 'merge' }, ...STAGES] }),
      siteClass({ id: 'c2', hidden: 2048 }),
    ];
    const segments = {
      c0: prefix.c0,
      c1: [segment(1, 8192, 'nccl')],
      c2: prefix.c0,
    };
    const { config, validFor } = exportVllm(planOf({ classes, segments }));
    const mb = config.pass_config.fi_allreduce_fusion_max_size_mb!;
    expect(fusionMaxTokens(mb, 6144, 2)).toBe(2048);
    // The narrower target's own range ends later; the endpoint keeps 1 to 2048 a range of its own.
    expect(fusionMaxTokens(mb, 4096, 2)).toBe(3072);
    expect(config.compile_ranges_endpoints).toEqual([2048]);
    expect(validFor).toContain('hidden size 6144 in bf16');
  });
});

describe('table rows', () => {
  it("are the plan's limits in bytes, with what they rest on and what they replace", () => {
    const segments = { c0: [segment(1, 32, 'one', 12.5), segment(33, 8192, 'nccl', 40)] };
    const { table } = exportVllm(planOf({ segments, size: 8 }));
    expect(table).toMatchObject({
      capability: 90,
      groupSize: 8,
      fusedMiB: 0.25,
      oneShotMiB: 0.25,
      today: { fusedMiB: 0.5, oneShotMiB: 0.5 },
      evidence: [
        'ar_add_rms, hidden 4096 in bf16, 32 tokens (0.25 MiB) on h200-sxm: measured, 12.50 µs; made up',
      ],
    });
    expect(table?.text.split('\n').slice(2)).toEqual([
      '# FI_ALLREDUCE_FUSION_MAX_SIZE_MB[90], today: 0.5',
      '8: 0.25,',
      '# _FI_ALLREDUCE_ONE_SHOT_MAX_SIZES_MB[90], today: 0.5',
      '8: 0.25,',
      '',
    ]);
  });

  it("keep the plan's own forms, which a setting cannot say", () => {
    const segments = { c0: [segment(1, 64, 'one'), segment(65, 8192, 'two')] };
    const { table, cannotExpress } = exportVllm(planOf({ segments }));
    expect(table).toMatchObject({ fusedMiB: 64, oneShotMiB: 0.5 });
    expect(cannotExpress).toContainEqual(expect.stringContaining('two-shot form for 65 to 4096'));
    const always = exportVllm(planOf({ segments: { c0: [segment(1, 8192, 'two')] } }));
    expect(always.table).toMatchObject({ fusedMiB: 64, oneShotMiB: 0 });
  });

  it('say where the release has no row', () => {
    const { table } = exportVllm(planOf({ segments: prefix, size: 16 }));
    expect(table?.today).toEqual({});
    expect(table?.text).toContain('today: no row\n16: 16,');
  });

  it('are as released, at every capability and group size', () => {
    const { fusedMiB, oneShotMiB } = vllmRelease('0.33');
    expect(fusedMiB).toEqual({
      90: { 2: 64, 4: 2, 8: 0.5 },
      100: { 2: 64, 4: 32, 8: 1, 16: 64 },
      103: { 2: 64, 4: 64, 8: 4, 16: 64 },
      107: { 2: 64, 4: 64, 8: 2 },
    });
    expect(oneShotMiB).toEqual({
      90: { 2: 32, 4: 2, 8: 0.5 },
      100: { 2: 32, 4: 4, 8: 1 },
      103: { 2: 32, 4: 4, 8: 2 },
      107: { 2: 32, 4: 4, 8: 2 },
    });
  });
});
