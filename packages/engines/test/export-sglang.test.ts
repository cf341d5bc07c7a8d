import { type Plan, type PlanSegment, UnsupportedError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { exportSglang, openEngine } from '../src/index.ts';
import { norm, planOf, STAGES, segment, siteClass } from './support.ts';

const PDL =
  "The plan launches FlashInfer's kernels without programmatic dependent launch; SGLang always launches with it, and lets the next kernel start before its end.";

/** A segment whose all-reduce one kernel performs, alone or with what follows. */
function by(kernel: string, min: number, max: number, fused = false): PlanSegment {
  const rest = { kernel: 'sglang/norm', params: {}, covers: ['residual', 'norm'] as const };
  return {
    ...segment(min, max, 'nccl'),
    steps: fused
      ? [{ kernel, params: {}, covers: ['all_reduce', 'residual', 'norm'] }]
      : [{ kernel, params: {}, covers: ['all_reduce'] }, rest],
  };
}

/** What SGLang itself would do on a box, as a plan. */
function planOfSglang(plan: Plan, config: Record<string, string>): Plan {
  const engine = openEngine('sglang@0.5.23', { config });
  const [site] = plan.classes;
  const scope = {
    site: site!,
    target: plan.target,
    group: plan.groups[0]!,
    groupName: plan.groups[0]!.name,
  };
  const starts = [...new Set([1, 513, ...engine.edges(scope)])]
    .filter((tokens) => tokens <= 8192)
    .sort((a, b) => a - b);
  const segments = starts.map((min, at) => {
    const max = (starts[at + 1] ?? 8193) - 1;
    const mode = max <= 512 ? ('graph' as const) : ('eager' as const);
    const { steps } = engine.today({ ...scope, tokens: max, mode });
    return { ...segment(min, max, 'nccl'), mode, steps };
  });
  return { ...plan, decisions: plan.decisions.map((one) => ({ ...one, segments })) };
}

describe('exportSglang', () => {
  it.each([
    [90, { 'flashinfer-allreduce-fusion-backend': 'trtllm' }],
    [90, { 'flashinfer-allreduce-fusion-backend': 'mnnvl' }],
    [100, { 'flashinfer-allreduce-fusion-backend': 'mnnvl' }],
    [100, { 'flashinfer-allreduce-fusion-backend': 'cutedsl' }],
    [90, { 'enforce-disable-flashinfer-allreduce-fusion': 'true' }],
    [
      90,
      {
        'enforce-disable-flashinfer-allreduce-fusion': 'true',
        'disable-custom-all-reduce': 'true',
        'enable-torch-symm-mem': 'true',
      },
    ],
    [
      103,
      {
        'enforce-disable-flashinfer-allreduce-fusion': 'true',
        'disable-custom-all-reduce': 'true',
        'enable-symm-mem': 'true',
      },
    ],
    [90, { 'enforce-disable-flashinfer-allreduce-fusion': 'true', 'enable-mscclpp': 'true' }],
  ])(
    'at %i gives back the flags that a plan of SGLang itself came from: %o',
    (capability, config) => {
      const box = planOf({
        segments: { c0: [segment(1, 8192, 'nccl')] },
        size: 8,
        capability,
        multicast: true,
      });
      const found = exportSglang(planOfSglang(box, config));
      const given = Object.fromEntries(
        Object.entries(config).map(([name, value]) => [name, value === 'true' ? true : value]),
      );
      expect(found.config).toEqual(given);
      expect(found.env).toEqual({});
      expect(found.cannotExpress).toEqual([]);
      expect(found.agreement.same).toBe(found.agreement.of);
      expect(found.text).toBe(
        Object.entries(given)
          .map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`))
          .join(' '),
      );
      // Every flag and variable is one that the release has.
      expect(() => openEngine('sglang@0.5.23', { config, env: found.env })).not.toThrow();
    },
  );

  it('switches FlashInfer and the custom all-reduce off for a plan of NCCL alone', () => {
    const found = exportSglang(planOf({ segments: { c0: [segment(1, 8192, 'nccl')] }, size: 8 }));
    expect(found).toMatchObject({
      target: 'sglang',
      engineVersion: '0.5.23',
      text: '--enforce-disable-flashinfer-allreduce-fusion --disable-custom-all-reduce',
      cannotExpress: [],
      agreement: { same: 14, of: 14 },
    });
    expect(found.validFor).toBe(
      'SGLang 0.5.23, compute capability 9, 8 ranks on 1 node(s), hidden size 4096 in bf16, models other than MiniMaxM3SparseForCausalLM, which has a fusion of its own without a flag.',
    );
  });

  it('caps the custom all-reduce where the plan leaves it', () => {
    const segments = {
      c0: [
        by('sglang/push-one-shot', 1, 16),
        by('sglang/pull-two-shot', 17, 64),
        segment(65, 8192, 'nccl'),
      ],
    };
    const found = exportSglang(planOf({ segments, size: 8 }));
    expect(found.env).toEqual({ SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '512' });
    expect(found.text.split('\n')).toEqual([
      'SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB=512',
      '--enforce-disable-flashinfer-allreduce-fusion',
    ]);
    expect(found.cannotExpress).toEqual([]);
  });

  it('takes PCIe-IPC and the custom all-reduce before v2 by their variables', () => {
    const legacy = {
      c0: [
        by('vllm/custom-all-reduce-one-stage', 1, 31),
        by('vllm/custom-all-reduce-two-stage', 32, 1024),
        segment(1025, 8192, 'nccl'),
      ],
    };
    expect(exportSglang(planOf({ segments: legacy, size: 8 })).env).toEqual({
      SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: '0',
    });
    const plan = planOf({
      segments: { c0: [by('flashinfer/pcie-ipc-all-reduce', 1, 512), segment(513, 8192, 'nccl')] },
      size: 8,
      capability: 120,
    });
    const pcie = { ...plan, target: { ...plan.target, interconnect: 'pcie' as const } };
    const found = exportSglang(pcie);
    expect(found.text).toBe('SGLANG_ENABLE_PCIE_IPC_ALLREDUCE=1');
    expect(found.cannotExpress).toEqual([]);
  });

  it('writes nothing where the defaults are the plan', () => {
    const segments = {
      c0: [
        by('sglang/push-one-shot', 1, 128),
        by('sglang/pull-two-shot', 129, 2048),
        segment(2049, 8192, 'nccl'),
      ],
    };
    const found = exportSglang(planOf({ segments, size: 8, capability: 80 }));
    expect([found.text, found.config, found.env]).toEqual(['', {}, {}]);
    expect(found.cannotExpress).toEqual([]);
  });

  it('takes the version that the target or the option names, and refuses others', () => {
    const plan = planOf({ segments: { c0: [segment(1, 8192, 'nccl')] }, engine: 'vllm@0.33' });
    expect(exportSglang(plan).engineVersion).toBe('0.5.23');
    expect(exportSglang(plan, { engineVersion: '0.5.23' }).engineVersion).toBe('0.5.23');
    for (const engineVersion of ['0.5.22', '0.5', '0.5.23.post1', '']) {
      expect(() => exportSglang(plan, { engineVersion })).toThrow(UnsupportedError);
      expect(() => exportSglang(plan, { engineVersion })).toThrow(JSON.stringify(engineVersion));
    }
    expect(() =>
      exportSglang({ ...plan, target: { ...plan.target, engine: 'sglang@0.5.20' } }),
    ).toThrow('"0.5.20"');
  });
});

describe('what SGLang cannot express', () => {
  const gaps = (plan: Plan): readonly string[] => exportSglang(plan).cannotExpress;

  it('one-shot or two-shot', () => {
    const segments = {
      c0: [segment(1, 64, 'one'), segment(65, 2048, 'two'), segment(2049, 8192, 'nccl')],
    };
    expect(gaps(planOf({ segments, size: 8, multicast: true }))).toEqual([
      "c0: the plan takes @arfuse/flashinfer/two-shot for 65 to 336 tokens; SGLang takes one-shot (@arfuse/flashinfer/one-shot) there by FlashInfer's own rule, and has no setting for it.",
      PDL,
    ]);
  });

  it('another token limit, below and above', () => {
    const below = { c0: [segment(1, 1024, 'one'), segment(1025, 8192, 'nccl')] };
    expect(gaps(planOf({ segments: below, size: 2, multicast: true }))).toEqual([
      'c0: the plan leaves 1025 to 2048 tokens unfused (@arfuse/nccl/all-reduce); SGLang fuses everything up to 2048 tokens, a constant without a flag.',
      PDL,
    ]);
    const above = { c0: [segment(1, 4096, 'one'), segment(4097, 8192, 'nccl')] };
    expect(gaps(planOf({ segments: above, size: 2, multicast: true }))).toEqual([
      'c0: the plan fuses 2049 to 4096 tokens; SGLang fuses up to 2048 tokens, a constant without a flag.',
      PDL,
    ]);
  });

  it('fusing a small part', () => {
    const segments = { c0: [segment(1, 8, 'one'), segment(9, 8192, 'nccl')] };
    const found = exportSglang(planOf({ segments, size: 8, multicast: true }));
    expect(found.config).toMatchObject({ 'enforce-disable-flashinfer-allreduce-fusion': true });
    expect(found.cannotExpress).toEqual([
      'c0: the plan fuses 1 to 8 tokens; this configuration does not fuse, since SGLang fuses all layers up to its limit or none.',
    ]);
  });

  it('choices by site', () => {
    const classes = [siteClass(), siteClass({ id: 'c1', hidden: 2048 }), siteClass({ id: 'c2' })];
    const fused = [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')];
    const segments = {
      c0: fused,
      c2: fused,
      c1: [segment(1, 8192, 'nccl')],
    };
    expect(gaps(planOf({ classes, segments, size: 2, multicast: true }))).toEqual([
      'c1: the plan leaves 1 to 2048 tokens unfused (@arfuse/nccl/all-reduce); SGLang fuses everything up to 2048 tokens, a constant without a flag.',
      PDL,
    ]);
  });

  it('classes that its layer code does not fuse, and quantisers', () => {
    const noResidual = siteClass({ pattern: 'ar_rms', stages: [STAGES[0]!, norm] });
    const segments = { c0: [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')] };
    expect(gaps(planOf({ classes: [noResidual], segments, size: 2, multicast: true }))).toContain(
      'c0 (ar_rms): it adds no residual before the norm; the fused call always adds one.',
    );
    const quant = {
      kind: 'quant',
      scheme: 'fp8_static',
      outputDtype: 'f8e4m3fn',
      groupSize: null,
      scaleDtype: null,
      scaleFloor: null,
      scaleForm: 'reciprocal',
      scaleLayout: 'none',
    } as const;
    const quantised = siteClass({
      pattern: 'ar_add_rms_fp8_static',
      stages: [...STAGES, quant],
      outputs: ['residual', 'quant'],
    });
    const whole = segment(1, 2048, 'one');
    const c0 = [
      {
        ...whole,
        steps: [
          { ...whole.steps[0]!, covers: ['all_reduce', 'residual', 'norm', 'quant'] as const },
        ],
      },
      segment(2049, 8192, 'nccl'),
    ];
    expect(
      gaps(planOf({ classes: [quantised], segments: { c0 }, size: 2, multicast: true })),
    ).toEqual([
      "c0 (ar_add_rms_fp8_static): SGLang's fused call does not quantise (fp8_static); the quantiser runs separately.",
      PDL,
    ]);
  });

  it('a workspace without multicast', () => {
    const segments = {
      c0: [segment(1, 336, 'one'), segment(337, 2048, 'two'), segment(2049, 8192, 'nccl')],
    };
    const found = exportSglang(planOf({ segments, size: 8 }));
    expect(found.text).toBe('--flashinfer-allreduce-fusion-backend trtllm');
    expect(found.cannotExpress).toEqual([
      PDL,
      expect.stringContaining('The target has no NVLink multicast: the preflight'),
    ]);
  });

  it('kernels of plain all-reduces beside fused sites', () => {
    const plan = planOf({
      segments: { c0: [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')] },
      size: 2,
      multicast: true,
    });
    const plain = {
      id: 'p0',
      allReduces: ['ar'],
      group: 0,
      hidden: 4096,
      dtype: 'bf16' as const,
      segments: [segment(1, 8192, 'nccl')],
      candidates: [],
    };
    expect(gaps({ ...plan, plain: [plain] })).toEqual([
      'p0: the plan runs the all-reduce of 1 to 2048 tokens by @arfuse/nccl/all-reduce; SGLang takes @arfuse/flashinfer/one-shot there.',
      PDL,
    ]);
  });

  it('kernels that SGLang has not', () => {
    const found = exportSglang(
      planOf({
        segments: { c0: [by('@acme/ring/fused', 1, 8192, true)] },
        size: 8,
        multicast: true,
      }),
    );
    expect(found.config).toEqual({ 'flashinfer-allreduce-fusion-backend': 'trtllm' });
    expect(found.cannotExpress[0]).toBe(
      "c0: the plan takes @acme/ring/fused for 1 to 336 tokens; SGLang takes one-shot (@arfuse/flashinfer/one-shot) there by FlashInfer's own rule, and has no setting for it.",
    );
    expect(found.agreement.same).toBe(0);
  });
});
