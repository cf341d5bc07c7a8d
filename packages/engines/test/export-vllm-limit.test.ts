import type { PlanEngine } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { exportVllm, type VllmLaunch } from '../src/index.ts';
import { planOf, STEPS, segment, siteClass } from './support.ts';

const prefix = { c0: [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')] };

describe('the limit of least expected time', () => {
  const broken = {
    c0: [
      segment(1, 64, 'one'),
      segment(65, 128, 'nccl'),
      segment(129, 1024, 'one'),
      segment(1025, 8192, 'nccl'),
    ],
  };

  it('asks for the form that vLLM takes at each size, not for the planned one', () => {
    // 2 MiB at hidden 4096 in bf16 is 256 rows: the end of the one-shot form for groups of 4 on 9.0.
    const asked: VllmLaunch[] = [];
    const times = (launch: VllmLaunch) => {
      asked.push(launch);
      if (!launch.fused) return 10;
      return launch.kernel === '@arfuse/flashinfer/one-shot' ? 5 : 20;
    };
    const found = exportVllm(planOf({ segments: broken, size: 4 }), { times });
    // Two-shot loses from 512 rows on, though the plan's one-shot would win there.
    expect(found.fusedUpTo).toBe(256);
    // A pull request would change the table of forms with it.
    expect(found.table).toMatchObject({ fusedMiB: 8, oneShotMiB: 8 });
    const at = (tokens: number) =>
      asked.filter((one) => one.fused && one.tokens === tokens).map(({ kernel }) => kernel);
    expect(at(256)).not.toContain('@arfuse/flashinfer/two-shot');
    expect(at(512)).toContain('@arfuse/flashinfer/two-shot');
    expect(asked.every(({ fused, kernel }) => fused === (kernel !== undefined))).toBe(true);
    expect(found.limitReason).toContain('256 tokens costs least');
  });

  it('counts every site of every class alike', () => {
    const classes = [siteClass(), siteClass({ id: 'c1' })];
    const made = planOf({
      classes,
      segments: {
        c0: [segment(1, 128, 'one'), segment(129, 8192, 'nccl')],
        c1: [segment(1, 64, 'one'), segment(65, 8192, 'nccl')],
      },
    });
    // Up to 128 rows c0 wins 1 µs per site, c1 loses 2 µs beyond 64.
    const times = ({ class: id, fused, tokens }: VllmLaunch) => {
      const lost = id === 'c0' ? tokens > 128 : tokens > 64;
      return fused === lost ? (id === 'c0' ? 11 : 12) : 10;
    };
    const sites = (c0: number) => ({
      ...made,
      decisions: made.decisions.map((decision) => ({
        ...decision,
        sites: Array.from({ length: decision.class === 'c0' ? c0 : 1 }, (_, at) => `s${at}`),
      })),
    });
    expect(exportVllm(sites(1), { times }).fusedUpTo).toBe(64);
    expect(exportVllm(sites(3), { times }).fusedUpTo).toBe(128);
  });

  it('weighs row counts by the given mix', () => {
    const made = planOf({ segments: broken });
    const times = ({ fused, tokens }: VllmLaunch) => {
      const wins = tokens <= 64 || tokens >= 512;
      return wins === fused ? 10 : 11;
    };
    const mix = (middle: number) => [
      { tokens: 32, weight: 1 },
      { tokens: 100, weight: middle },
      { tokens: 512, weight: 1 },
    ];
    expect(exportVllm(made, { times, mix: mix(2) }).fusedUpTo).toBe(64);
    const rare = exportVllm(made, { times, mix: mix(0.5) });
    expect(rare.fusedUpTo).toBe(512);
    // (1 - 0.5 + 1) µs over a weight of 2.5.
    expect(rare.limitReason).toContain('0.60 µs per step less than no fusion');
    expect(rare.limitReason).toContain('weighted by the given mix');
  });

  it('fuses nothing where every limit loses', () => {
    const times = ({ fused }: VllmLaunch) => (fused ? 11 : 10);
    const found = exportVllm(planOf({ segments: broken }), { times });
    expect(found.config).toEqual({ pass_config: { fuse_allreduce_rms: false } });
    expect(found.table).toBeUndefined();
  });

  it('keeps to the plan where times do not tell limits apart', () => {
    const times = ({ fused, tokens }: VllmLaunch) =>
      tokens <= 8 ? (fused ? 9 : 10) : tokens <= 64 ? undefined : fused ? 11 : 10;
    expect(exportVllm(planOf({ segments: broken }), { times }).fusedUpTo).toBe(64);
  });

  it('does not overrule a plan that is a prefix', () => {
    const times = ({ fused }: VllmLaunch) => (fused ? 11 : 10);
    const found = exportVllm(planOf({ segments: prefix }), { times });
    expect(found.fusedUpTo).toBe(2048);
    expect(found.limitReason).toBe('The plan fuses exactly 1 to 2048 tokens.');
  });

  it("takes what the plan records: the engine's chain of today, then the decisions", () => {
    const made = planOf({
      segments: {
        c0: [
          segment(1, 64, 'one', 5),
          segment(65, 128, 'nccl', 8),
          segment(129, 1024, 'one', 40),
          segment(1025, 8192, 'nccl', 300),
        ],
      },
    });
    expect(exportVllm(made).fusedUpTo).toBe(64);
    const chain = (tokens: readonly [number, number], steps: keyof typeof STEPS, us?: number) => ({
      tokens,
      mode: tokens[1] <= 512 ? ('graph' as const) : ('eager' as const),
      fused: steps === 'one',
      steps: STEPS[steps],
      numerics: {},
      rule: 'made up',
      citation: 'made up',
      passedOver: [],
      ...(us === undefined ? {} : { evidence: { kind: 'measured' as const, us, note: 'made up' } }),
    });
    const engine = (segments: PlanEngine['today'][number]['segments']): PlanEngine => ({
      id: 'vllm@0.33',
      release: '0.33.0',
      settings: { env: {}, config: {} },
      assumptions: [],
      warnings: [],
      sites: [],
      today: [{ class: 'c0', segments }],
    });
    // At 64 fusing saves 2 µs, at 128 it costs 1, at 1024 it saves 20.
    const today = engine([
      chain([1, 64], 'nccl', 7),
      chain([65, 128], 'one', 9),
      chain([129, 1024], 'nccl', 60),
      chain([1025, 8192], 'nccl'),
    ]);
    const found = exportVllm({ ...made, engine: today });
    expect(found.fusedUpTo).toBe(1024);
    expect(found.limitReason).toContain('at the 3 row counts');
    // 21 µs over three row counts.
    expect(found.limitReason).toContain('7.00 µs per step');
    // A time that is given is taken before one that is recorded.
    const times = ({ fused, tokens }: VllmLaunch) => (fused && tokens === 1024 ? 90 : undefined);
    expect(exportVllm({ ...made, engine: today }, { times }).fusedUpTo).toBe(64);
  });
});
