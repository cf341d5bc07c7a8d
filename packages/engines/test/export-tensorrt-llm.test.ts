import type { PlanSegment } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { exportTensorRtLlm } from '../src/index.ts';
import { norm, planOf, STAGES, segment, siteClass } from './support.ts';

const all = (steps: Parameters<typeof segment>[2]) => ({ c0: [segment(1, 8192, steps)] });

/** A segment whose all-reduce one kernel performs alone. */
const plain = (kernel: string): PlanSegment => ({
  ...segment(1, 8192, 'nccl'),
  steps: [
    { kernel, params: {}, covers: ['all_reduce'] },
    { kernel: '@arfuse/native/norm', params: {}, covers: ['residual', 'norm'] },
  ],
});

describe('exportTensorRtLlm', () => {
  it.each([
    ['one', 'ONESHOT', true],
    ['two', 'TWOSHOT', true],
    ['nccl', 'NCCL', false],
    ['symmetric', 'NCCL_SYMMETRIC', false],
  ] as const)('names the strategy of a plan of %s alone: %s', (steps, strategy, enabled) => {
    const found = exportTensorRtLlm(planOf({ segments: all(steps) }));
    expect(found.target).toBe('tensorrt-llm');
    expect(found.config).toEqual({
      llmArgs: { allreduce_strategy: strategy },
      autoDeploy: {
        transforms: {
          detect_sharding: { allreduce_strategy: strategy },
          fuse_allreduce_residual_rmsnorm: { enabled },
        },
      },
    });
    expect(found.cannotExpress).toEqual([
      'The PyTorch backend fuses in its model code; no LLM argument says which chains are fused.',
    ]);
  });

  it('writes YAML, as one text and as two files', () => {
    const found = exportTensorRtLlm(planOf({ segments: all('one') }));
    expect(found.files).toEqual([
      { name: 'llm-args.yaml', text: 'allreduce_strategy: ONESHOT\n' },
      {
        name: 'auto-deploy.yaml',
        text: 'transforms:\n  detect_sharding:\n    allreduce_strategy: ONESHOT\n  fuse_allreduce_residual_rmsnorm:\n    enabled: true\n',
      },
    ]);
    const [args, deploy] = found.files!;
    expect(found.text).toBe(
      `# LLM arguments (PyTorch backend)\n${args!.text}---\n# AutoDeploy\n${deploy!.text}`,
    );
  });

  it('leaves sizes to AUTO where the plan changes kernels, and says so', () => {
    const found = exportTensorRtLlm(
      planOf({ segments: { c0: [segment(1, 64, 'one'), segment(65, 8192, 'nccl')] } }),
    );
    expect(found.config.llmArgs.allreduce_strategy).toBe('AUTO');
    expect(found.config.autoDeploy.transforms.detect_sharding.allreduce_strategy).toBe('AUTO');
    expect(found.cannotExpress).toContain(
      'The plan takes 2 all-reduce kernels by token count (@arfuse/flashinfer/one-shot, @arfuse/nccl/all-reduce); TensorRT-LLM takes one strategy for every size, or AUTO, which picks by its own tuning when the model is built.',
    );
    expect(found.cannotExpress).toContain(
      "The plan leaves token ranges of c0 unfused; AutoDeploy's fused op is called at every size.",
    );
  });

  it('counts plain all-reduces too', () => {
    const plan = planOf({ segments: all('one') });
    const found = exportTensorRtLlm({
      ...plan,
      plain: [
        {
          id: 'p0',
          allReduces: ['ar'],
          group: 0,
          hidden: 4096,
          dtype: 'bf16',
          segments: [segment(1, 8192, 'nccl')],
          candidates: [],
        },
      ],
    });
    expect(found.config.llmArgs.allreduce_strategy).toBe('AUTO');
  });

  it('has multimem for AutoDeploy alone', () => {
    const found = exportTensorRtLlm(
      planOf({ segments: { c0: [plain('@arfuse/symm-mem/multimem')] } }),
    );
    expect(found.config.llmArgs.allreduce_strategy).toBe('AUTO');
    expect(found.config.autoDeploy.transforms.detect_sharding.allreduce_strategy).toBe('SYMM_MEM');
    expect(found.cannotExpress).toContainEqual(expect.stringContaining('AutoDeploy has SYMM_MEM'));
  });

  it('names a kernel that it has no strategy for', () => {
    const found = exportTensorRtLlm(
      planOf({ segments: { c0: [plain('@acme/arfuse-backend/ring')] } }),
    );
    expect(found.config.llmArgs.allreduce_strategy).toBe('AUTO');
    expect(found.cannotExpress).toContain(
      'c0: the plan runs the all-reduce of 1 to 8192 tokens by @acme/arfuse-backend/ring; TensorRT-LLM has no strategy for it.',
    );
  });

  it.each([
    ['no residual', { stages: [{ kind: 'all_reduce' }, norm] }, 'it adds no residual'],
    ['a merge', { stages: [{ kind: 'merge' }, ...STAGES] }, 'has a merge stage'],
    [
      'a scaled residual',
      { stages: [STAGES[0]!, { kind: 'residual', factor: 2 }, norm] },
      'scaled by 2',
    ],
    ['Gemma', { stages: [...STAGES.slice(0, 2), { ...norm, weightBias: 1 }] }, 'Gemma norm'],
    [
      'no weight',
      { stages: [...STAGES.slice(0, 2), { ...norm, weightDtype: null }] },
      'has no weight',
    ],
    [
      'an escaping all-reduce',
      { outputs: ['all_reduce', 'residual', 'norm'] },
      'read besides the sum',
    ],
  ] as const)('AutoDeploy does not fuse %s', (_what, more, sentence) => {
    const found = exportTensorRtLlm(planOf({ classes: [siteClass(more)], segments: all('one') }));
    expect(found.config.autoDeploy.transforms.fuse_allreduce_residual_rmsnorm.enabled).toBe(false);
    expect(found.cannotExpress).toContainEqual(
      expect.stringMatching(new RegExp(`^c0 \\(ar_add_rms\\): the plan fuses it.*${sentence}`)),
    );
  });

  it('names the commits that were read, and the group size', () => {
    const { validFor } = exportTensorRtLlm(planOf({ segments: all('one'), size: 8 }));
    for (const commit of ['00043967', '0034d905', '0d134a5c']) expect(validFor).toContain(commit);
    expect(validFor).toMatch(/tensor parallel size 8\.$/);
  });

  it('says where groups differ in size', () => {
    const plan = planOf({ segments: all('one') });
    const found = exportTensorRtLlm({
      ...plan,
      groups: [plan.groups[0]!, { ...plan.groups[1]!, size: 8 }],
    });
    expect(found.cannotExpress).toContainEqual(expect.stringContaining('groups of 2, 8 ranks'));
  });
});
