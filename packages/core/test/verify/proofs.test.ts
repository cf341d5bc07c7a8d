import { describe, expect, it } from 'vitest';
import { describeFailures, parsePlan, printPlan, UsageError, verify } from '../../src/index.ts';
import { fixture, graphOf, hasShared, planFor, SHARED, TEXTS } from './graphs.ts';

const TINY = [
  'pt2/gemma3-tiny.tp2.pt2',
  'pt2/qwen3-moe-tiny.tp2.pt2',
  'pt2/llama-tiny.tp2.pt2',
  'llama-tiny-gloo/rank0.post_grad.print_readable.txt',
  'llama-tiny-gloo/rank0.post_grad.python_code.txt',
];

const VLLM = [
  'vllm/v0.11.0-llama-native/dump/rank_0/__compiled_fn_1.AFTER_POST_GRAD.1.py.gz',
  'vllm/v0.11.0-llama-native/dump/rank_0/__compiled_fn_1.before_split.0.py.gz',
  'vllm/v0.11.0-llama-customop/dump/rank_0/__compiled_fn_1.AFTER_POST_GRAD.1.py.gz',
  'vllm/v0.11.0-llama-customop/dump/rank_0/__compiled_fn_1.before_split.0.py.gz',
];

describe('verify', () => {
  it.each(TINY)('proves %s for 2, 4 and 8 ranks', async (path) => {
    const graph = await fixture(path);
    for (const world of [2, 4, 8]) {
      for (const seed of [1, 2]) {
        const report = verify(planFor(graph, world), { graph, seed });
        expect(describeFailures(report)).toEqual([]);
        expect(report.passed).toBe(true);
        expect(report.chains.length).toBeGreaterThan(0);
        for (const { readers } of report.chains) expect(readers).toBeGreaterThan(0);
        for (const { kind, output, maxUlps } of report.classes.flatMap((of) => of.comparisons)) {
          if (kind === 'kernels')
            expect(maxUlps, output).toBeLessThanOrEqual(
              output === 'norm' || output === 'pre_norm' ? 1 : 0,
            );
        }
      }
    }
  });

  it.each(['llama3-8b', 'qwen3-8b', 'deepseek-v2-lite'])('proves %s', async (model) => {
    const graph = await fixture(`graphs/${model}.tp2.fx.txt.gz`);
    expect(describeFailures(verify(planFor(graph), { graph, tokens: [1, 8] }))).toEqual([]);
  });

  it.skipIf(!hasShared).each(VLLM)(
    'proves %s (skipped without third-party captures)',
    async (path) => {
      const graph = await fixture(path, SHARED);
      expect(describeFailures(verify(planFor(graph), { graph }))).toEqual([]);
    },
  );

  it.skipIf(!hasShared)(
    'gives a fixed row count the wanted one (skipped without third-party captures)',
    async () => {
      const graph = await fixture('fx/vllm-qwen2-tp/paral2_layer1.fw.g0.r0.py', SHARED);
      const report = verify(planFor(graph), { graph, tokens: [3] });
      expect(describeFailures(report)).toEqual([]);
      for (const { comparisons } of report.classes)
        for (const { tokens } of comparisons) expect(tokens).toEqual([3]);
    },
  );

  it.each(Object.keys(TEXTS).filter((name) => name !== 'two groups'))(
    'proves "%s" in every dtype',
    (name) => {
      for (const dtype of ['bf16', 'f16', 'f32'] as const) {
        const graph = graphOf(name, dtype);
        for (const world of [2, 8]) {
          const plan = planFor(graph, world);
          expect(plan.summary.sites).toBeGreaterThan(0);
          for (const seed of [1, 5])
            expect(describeFailures(verify(plan, { graph, seed }))).toEqual([]);
        }
      }
    },
  );

  it.each(['world=4,group.1=2', 'world=2,group.1=2'])('proves two groups: %s', (groups) => {
    const graph = graphOf('two groups');
    const plan = planFor(graph, 2, { target: `h200-sxm,${groups}` });
    expect(plan.classes.map(({ group }) => group)).toEqual([0, 1]);
    expect(describeFailures(verify(plan, { graph }))).toEqual([]);
  });

  it('proves a plan alone, after print and parse, and says what it did not prove', () => {
    const plan = parsePlan(printPlan(planFor(graphOf('merged'))));
    const report = verify(plan);
    expect(report).toMatchObject({ passed: true, chains: [] });
    expect(report.notes[0]).toContain('the wiring between sites is not');
  });

  it('gives the same report for the same seed', () => {
    const plan = planFor(graphOf('FP8 per token'));
    expect(verify(plan, { seed: 3 })).toEqual(verify(plan, { seed: 3 }));
  });

  it.each([[[]], [[0]], [[1.5]], [[5000]]])('refuses the row counts %j', (tokens) => {
    expect(() => verify(planFor(graphOf('AR+add+RMS')), { tokens })).toThrow(UsageError);
  });
});
