import { type PlanSegment, type StageKind, UnsupportedError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportVllm, fusionMaxSizeMb, fusionMaxTokens, VLLM_VERSIONS } from '../src/index.ts';
import { norm, planOf, STAGES, segment, siteClass } from './support.ts';

const prefix = { c0: [segment(1, 2048, 'one'), segment(2049, 8192, 'nccl')] };

describe('exportVllm', () => {
  it('says up to which token count vLLM fuses', () => {
    const found = exportVllm(planOf({ segments: prefix }));
    expect(found.config).toEqual({
      pass_config: { fuse_allreduce_rms: true, fi_allreduce_fusion_max_size_mb: 16 },
      compile_ranges_endpoints: [2048],
    });
    expect(found).toMatchObject({ engineVersion: '0.33', fusedUpTo: 2048 });
    expect(found.text).toBe(`--compilation-config '${JSON.stringify(found.config)}'`);
    expect(found.validFor).toContain('tensor parallel size 2, hidden size 4096 in bf16');
    expect(found.cannotExpress).toEqual([
      expect.stringContaining('without programmatic dependent launch'),
    ]);
  });

  it.each([...VLLM_VERSIONS])('writes no field that vLLM %s does not have', (engineVersion) => {
    const { config } = exportVllm(planOf({ segments: prefix }), { engineVersion });
    expect(Object.keys(config).sort()).toEqual(['compile_ranges_endpoints', 'pass_config']);
    expect(Object.keys(config.pass_config).sort()).toEqual([
      ...(engineVersion === '0.31' ? ['enable_sp'] : []),
      'fi_allreduce_fusion_max_size_mb',
      'fuse_allreduce_rms',
    ]);
  });

  it('keeps sequence parallelism off in 0.31, which later releases have no field for', () => {
    const off = planOf({ segments: { c0: [segment(1, 8192, 'nccl')] } });
    expect(exportVllm(off, { engineVersion: '0.31' }).config).toEqual({
      pass_config: { fuse_allreduce_rms: false, enable_sp: false },
    });
    const on = planOf({ segments: prefix });
    expect(exportVllm(on, { engineVersion: '0.31.2' }).validFor).toMatch(/^vLLM 0\.31 \(/);
    for (const engineVersion of ['0.32', '0.33']) {
      expect(exportVllm(on, { engineVersion }).validFor).toMatch(/^vLLM 0\.31, 0\.32, 0\.33 \(/);
      expect(exportVllm(on, { engineVersion }).text).not.toMatch(/enable_sp|fuse_gemm|sp_min/);
    }
  });

  it('gives the configuration as a file, and the table rows as another', () => {
    const { config, files, table, target } = exportVllm(planOf({ segments: prefix }));
    expect(target).toBe('vllm');
    expect(files?.map(({ name }) => name)).toEqual([
      'compilation-config.json',
      'vllm-table-rows.py',
    ]);
    expect(JSON.parse(files![0]!.text)).toEqual(config);
    expect(files![1]!.text).toBe(table!.text);
  });

  it('asks for the planned FlashInfer kernels where vLLM would take its multicast ones', () => {
    const found = exportVllm(planOf({ segments: prefix, multicast: true }));
    expect(found.env).toEqual({ VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm' });
    expect(found.text.split('\n')).toEqual([
      'VLLM_FLASHINFER_ALLREDUCE_BACKEND=trtllm',
      `--compilation-config '${JSON.stringify(found.config)}'`,
    ]);
    expect(found.cannotExpress).toContainEqual(
      expect.stringContaining('plain FlashInfer all-reduces too'),
    );
    const unfused = planOf({ segments: { c0: [segment(1, 8192, 'nccl')] }, multicast: true });
    expect(exportVllm(unfused).env).toEqual({});
    expect(exportVllm(planOf({ segments: prefix })).env).toEqual({});
  });

  it('switches the fusion off where nothing is fused, with no limit', () => {
    const found = exportVllm(planOf({ segments: { c0: [segment(1, 8192, 'nccl')] } }));
    expect(found.config).toEqual({ pass_config: { fuse_allreduce_rms: false } });
    expect(found.cannotExpress).toEqual([]);
  });

  it('writes no endpoint at the end of the token domain', () => {
    const found = exportVllm(planOf({ segments: { c0: [segment(1, 8192, 'one')] } }));
    expect(found.config.compile_ranges_endpoints).toBeUndefined();
    expect(found.config.pass_config.fi_allreduce_fusion_max_size_mb).toBe(64);
  });

  it('takes the version that the target names, with its patch number', () => {
    expect(exportVllm(planOf({ segments: prefix, engine: 'vllm@0.32.1' })).engineVersion).toBe(
      '0.32',
    );
    expect(exportVllm(planOf({ segments: prefix, engine: 'sglang@0.5.23' })).engineVersion).toBe(
      '0.33',
    );
  });

  it.each([['0.30'], ['0.34'], ['0.3'], ['0.330'], ['1.0'], ['']])(
    'refuses vLLM %j by name',
    (engineVersion) => {
      expect(() => exportVllm(planOf({ segments: prefix }), { engineVersion })).toThrow(
        UnsupportedError,
      );
      expect(() => exportVllm(planOf({ segments: prefix }), { engineVersion })).toThrow(
        JSON.stringify(engineVersion),
      );
    },
  );
});

describe('what vLLM cannot express', () => {
  it('a middle that is not fused: the longest prefix without times, the cheapest with them', () => {
    const segments = {
      c0: [
        segment(1, 64, 'one'),
        segment(65, 128, 'nccl'),
        segment(129, 1024, 'one'),
        segment(1025, 8192, 'nccl'),
      ],
    };
    const found = exportVllm(planOf({ segments }));
    expect(found.fusedUpTo).toBe(64);
    expect(found.limitReason).toMatch(/^No time is known .*: 64 tokens\.$/);
    expect(found.cannotExpress).toContain(found.limitReason);
    expect(found.cannotExpress).toContain(
      'c0: the plan fuses 129 to 1024 tokens; vLLM fuses one range that starts at 1, here up to 64.',
    );

    const times = ({ fused, tokens }: { fused: boolean; tokens: number }) => {
      const best = tokens <= 64 || (tokens > 128 && tokens <= 1024);
      return best === fused ? tokens : tokens * 1.1;
    };
    const timed = exportVllm(planOf({ segments }), { times });
    expect(timed.fusedUpTo).toBe(1024);
    expect(timed.cannotExpress).not.toContain(timed.limitReason);
    expect(timed.cannotExpress.join('\n')).toContain(
      'c0: the plan leaves 65 to 128 tokens unfused (@arfuse/nccl/all-reduce + @arfuse/native/norm); vLLM fuses everything up to 1024.',
    );
  });

  it('a range that does not start at 1', () => {
    const found = exportVllm(
      planOf({ segments: { c0: [segment(1, 8, 'nccl'), segment(9, 8192, 'one')] } }),
    );
    expect(found.config.pass_config).toEqual({ fuse_allreduce_rms: false });
    expect(found.cannotExpress).toContain(
      'c0: the plan fuses 9 to 8192 tokens; vLLM fuses one range that starts at 1.',
    );
  });

  it('choices per class', () => {
    const classes = [
      siteClass(),
      siteClass({ id: 'c1', pattern: 'ar_rms', stages: [{ kind: 'all_reduce' }, norm] }),
    ];
    const segments = { ...prefix, c1: [segment(1, 256, 'one'), segment(257, 8192, 'nccl')] };
    const found = exportVllm(planOf({ classes, segments }));
    expect(found.fusedUpTo).toBe(256);
    expect(found.cannotExpress).toContain(
      'c0: the plan fuses 257 to 2048 tokens; vLLM fuses one range that starts at 1, here up to 256.',
    );
  });

  it('a forced form: one-shot where vLLM takes two-shot, and the reverse', () => {
    // 32 MiB at hidden 4096 in bf16 is 4096 rows.
    const one = exportVllm(
      planOf({ segments: { c0: [segment(1, 8192, 'one')] } }),
    ).cannotExpress.join('\n');
    expect(one).toContain('one-shot form for 4097 to 8192 tokens; vLLM takes two-shot');
    const two = exportVllm(
      planOf({ segments: { c0: [segment(1, 64, 'one'), segment(65, 8192, 'two')] } }),
    ).cannotExpress.join('\n');
    expect(two).toContain('two-shot form for 65 to 4096 tokens; vLLM takes one-shot');
  });

  it('a plain all-reduce that is not its own choice', () => {
    const found = exportVllm(
      planOf({ segments: { c0: [segment(1, 64, 'one'), segment(65, 8192, 'symmetric')] } }),
    );
    expect(found.cannotExpress).toContainEqual(
      expect.stringContaining('65 to 8192 tokens by @arfuse/nccl/all-reduce-symmetric'),
    );
  });

  it('PDL and a second group', () => {
    const classes = [siteClass(), siteClass({ id: 'c1', hidden: 2048, group: 1 })];
    const found = exportVllm(
      planOf({ classes, segments: { c0: [segment(1, 64, 'one')], c1: [segment(1, 64, 'one')] } }),
    );
    expect(found.cannotExpress).toEqual([
      expect.stringContaining('without programmatic dependent launch'),
      expect.stringContaining('in 2 groups ("tp", "ep")'),
    ]);
    expect(found.config.pass_config.fi_allreduce_fusion_max_size_mb).toBe(0.5);
  });

  it('one token where the target model may have the narrower rows', () => {
    const classes = [siteClass(), siteClass({ id: 'c1', hidden: 2048 })];
    const only = (tokens: number) => [segment(1, tokens, 'one'), segment(tokens + 1, 8192, 'nccl')];
    const sentence =
      "c1: its rows have 4096 bytes, others 8192; where these are the target model's, vLLM's first compiled range ends above 1 token and nothing is fused.";
    const one = exportVllm(planOf({ classes, segments: { c0: only(1), c1: only(1) } }));
    expect(one.config).toEqual({
      pass_config: { fuse_allreduce_rms: true, fi_allreduce_fusion_max_size_mb: 8192 / 2 ** 20 },
    });
    expect(one.cannotExpress).toContain(sentence);
    const two = exportVllm(planOf({ classes, segments: { c0: only(2), c1: only(2) } }));
    expect(two.config.compile_ranges_endpoints).toEqual([2]);
    expect(two.cannotExpress).not.toContain(sentence);
  });

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
  const gemma = { ...norm, weightBias: 1 } as const;

  it.each([
    ['another eps', { stages: [...STAGES.slice(0, 2), { ...norm, eps: 1e-8 }] }, 'eps 1e-8'],
    ['no weight', { stages: [...STAGES.slice(0, 2), { ...norm, weightDtype: null }] }, 'no weight'],
    [
      'a weight of another dtype',
      { stages: [...STAGES.slice(0, 2), { ...norm, weightDtype: 'f32' }] },
      'guarded to one dtype',
    ],
    ['f32 activations', { dtype: 'f32' }, "guarded to the model's 16-bit dtype"],
    ['a merge', { stages: [{ kind: 'merge' }, ...STAGES] }, 'sums two all-reduces'],
    [
      'a bias',
      { stages: [STAGES[0]!, { kind: 'bias', dtype: 'bf16' }, ...STAGES.slice(1)] },
      'a bias',
    ],
    [
      'a scale',
      { stages: [STAGES[0]!, { kind: 'scale', factor: 0.5 }, ...STAGES.slice(1)] },
      'scaled by a constant',
    ],
    [
      'a scaled residual',
      { stages: [STAGES[0]!, { kind: 'residual', factor: 2 }, norm] },
      'residual is scaled by 2',
    ],
    [
      'an escaping all-reduce',
      { outputs: ['all_reduce', 'residual', 'norm'] },
      'read besides the sum',
    ],
  ] as const)('%s', (_what, more, sentence) => {
    const found = exportVllm(planOf({ classes: [siteClass(more)], segments: prefix }));
    expect(found.cannotExpress.join('\n')).toContain(sentence);
    expect(found.cannotExpress).toContain('c0: the plan fuses it, and vLLM does not.');
    expect(found.config).toEqual({ pass_config: { fuse_allreduce_rms: false } });
  });

  const covering = (...covers: StageKind[]): PlanSegment => ({
    ...segment(1, 8192, 'one'),
    steps: [{ kernel: '@arfuse/flashinfer/one-shot', params: {}, covers }],
  });

  it.each([
    [
      'FP8 per token',
      { stages: [...STAGES, { ...quant, scheme: 'fp8_token' }] },
      'no pattern for fp8_token',
    ],
    [
      'FP8 per group',
      { stages: [...STAGES, { ...quant, scheme: 'fp8_group' }] },
      'no pattern for fp8_group',
    ],
    [
      'NVFP4 below 10.0',
      { stages: [...STAGES, { ...quant, scheme: 'nvfp4' }] },
      'from compute capability 10.0 on',
    ],
    [
      'an escaping norm before a quantiser',
      { stages: [...STAGES, quant], outputs: ['residual', 'norm', 'quant'] },
      'normed value is read',
    ],
    [
      'Gemma with a quantiser',
      { stages: [...STAGES.slice(0, 2), gemma, quant], outputs: ['residual', 'quant'] },
      'Gemma patterns without quantiser',
    ],
  ] as const)(
    '%s: the norm is fused, and the quantiser only where the plan has it too',
    (_what, more, sentence) => {
      const classes = [siteClass(more)];
      const whole = exportVllm(
        planOf({
          classes,
          segments: { c0: [covering('all_reduce', 'residual', 'norm', 'quant')] },
        }),
      );
      expect(whole.fusedUpTo).toBe(8192);
      expect(whole.cannotExpress).toContain(
        "c0: the plan's fused kernel performs all_reduce, residual, norm, quant; vLLM's performs all_reduce, residual, norm.",
      );
      expect(whole.cannotExpress.join('\n')).toContain(sentence);
      const same = exportVllm(
        planOf({ classes, segments: { c0: [covering('all_reduce', 'residual', 'norm')] } }),
      );
      expect(same.fusedUpTo).toBe(8192);
      expect(same.cannotExpress.join('\n')).not.toMatch(/performs|quantise/);
    },
  );

  it('a sandwich: vLLM fuses its first norm', () => {
    const classes = [
      siteClass({
        pattern: 'ar_prepost',
        stages: [
          STAGES[0]!,
          { ...norm, kind: 'pre_norm', weightMultiply: 'after' },
          ...STAGES.slice(1),
        ],
      }),
    ];
    const same = exportVllm(
      planOf({ classes, segments: { c0: [covering('all_reduce', 'pre_norm')] } }),
    );
    expect(same.fusedUpTo).toBe(8192);
    expect(same.cannotExpress.join('\n')).not.toContain('sandwich');
    const whole = exportVllm(
      planOf({
        classes,
        segments: { c0: [covering('all_reduce', 'pre_norm', 'residual', 'norm')] },
      }),
    );
    expect(whole.cannotExpress).toEqual(
      expect.arrayContaining([
        "c0: the plan's fused kernel performs all_reduce, pre_norm, residual, norm; vLLM's performs all_reduce, pre_norm.",
        expect.stringContaining('it is a sandwich'),
      ]),
    );
  });

  it('a quantiser that vLLM fuses and the plan does not', () => {
    const classes = [siteClass({ stages: [...STAGES, quant], outputs: ['residual', 'quant'] })];
    const found = exportVllm(
      planOf({ classes, segments: { c0: [covering('all_reduce', 'residual', 'norm')] } }),
    );
    expect(found.cannotExpress).toContain(
      "c0: the plan's fused kernel performs all_reduce, residual, norm; vLLM's performs all_reduce, residual, norm, quant.",
    );
  });

  it('groups of another size', () => {
    expect(exportVllm(planOf({ segments: prefix, size: 6 })).cannotExpress).toContainEqual(
      expect.stringContaining('its group has 6 ranks'),
    );
  });

  it.each([...VLLM_VERSIONS])('Gemma alone is a pattern of vLLM %s', (engineVersion) => {
    const plan = planOf({
      classes: [siteClass({ stages: [...STAGES.slice(0, 2), gemma] })],
      segments: prefix,
    });
    expect(exportVllm(plan, { engineVersion }).fusedUpTo).toBe(2048);
  });

  it('FP8 static is a pattern', () => {
    const classes = [siteClass({ stages: [...STAGES, quant], outputs: ['residual', 'quant'] })];
    expect(exportVllm(planOf({ classes, segments: prefix })).fusedUpTo).toBe(2048);
  });
});

describe('fusionMaxSizeMb', () => {
  it('makes vLLM compute exactly the row count, through JSON', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 131_072 }),
        fc.integer({ min: 1, max: 65_536 }),
        fc.constantFrom(2, 4),
        (tokens, hidden, itemsize) => {
          const mb = JSON.parse(
            JSON.stringify(fusionMaxSizeMb(tokens, hidden, itemsize)),
          ) as number;
          expect(fusionMaxTokens(mb, hidden, itemsize)).toBe(tokens);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
