import { UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { norm, STAGES, siteClass } from '../support.ts';
import { ask, type Box, NCCL, scopeOf, sglang, siteKernel } from './support.ts';

const ONE = '@arfuse/flashinfer/one-shot';
const TWO = '@arfuse/flashinfer/two-shot';
const MNNVL_ONE = 'flashinfer/mnnvl-one-shot';
const MNNVL_TWO = 'flashinfer/mnnvl-two-shot';
const BACKEND = 'flashinfer-allreduce-fusion-backend';
const H200: Box = { multicast: true };

describe("FlashInfer's fusion", () => {
  it.each([
    [90, 'graph'],
    [90, 'eager'],
    [100, 'graph'],
    [103, 'eager'],
    [107, 'eager'],
  ] as const)('at %i, %s, runs up to 2048 tokens, inclusive', (capability, mode) => {
    const box: Box = { capability, multicast: true };
    const fused = (tokens: number) => ask(box, tokens, mode).fused;
    expect([fused(1), fused(2047), fused(2048), fused(2049)]).toEqual([true, true, true, false]);
    const above = ask(box, 2049, mode);
    expect(above.passedOver[0]).toMatchObject({
      kernel: 'fused all-reduce + norm',
      reason: "2049 tokens are above the fusion's limit of 2048.",
    });
    expect(above.steps[0]!.kernel).toBe(NCCL);
  });

  it('does the all-reduce, the add and the norm in one launch', () => {
    const chain = ask(H200, 64);
    expect(chain).toMatchObject({
      fused: true,
      steps: [
        {
          kernel: ONE,
          params: { pdl: true, fp32Acc: true, triggerCompletionAtEnd: false },
          covers: ['all_reduce', 'residual', 'norm'],
        },
      ],
      numerics: {
        accumulate: 'f32',
        reduceOrder: 'rank',
        normInput: 'rounded',
        weightMultiply: 'before',
      },
    });
    expect(chain.steps).toHaveLength(1);
    expect(chain.rule).toBe(
      "fused up to 2048 tokens, one-shot by FlashInfer's own rule for trtllm (8 × 512 KiB).",
    );
  });

  it.each([
    // 2 × ranks × bytes ≤ {512, 64, 42} MiB.
    [90, 2, 65536, 1024, ONE, TWO],
    [90, 4, 8192, 512, ONE, TWO],
    [90, 8, 8192, 168, ONE, TWO],
    // ranks × bytes ≤ 1 MiB.
    [100, 2, 8192, 32, MNNVL_ONE, MNNVL_TWO],
    [100, 4, 8192, 16, MNNVL_ONE, MNNVL_TWO],
    [103, 8, 8192, 8, MNNVL_ONE, MNNVL_TWO],
    [103, 16, 8192, 4, MNNVL_ONE, MNNVL_TWO],
  ])(
    'at %i with %i ranks and hidden %i is one-shot up to %i tokens',
    (capability, size, hidden, last, one, two) => {
      const site = siteClass({ hidden });
      const at = (tokens: number) =>
        siteKernel({ capability, size, multicast: true }, tokens, 'graph', site);
      expect([at(last - 1), at(last), at(last + 1)]).toEqual([one, one, two]);
    },
  );

  it('gives plain all-reduces to FlashInfer too, up to the rows of the workspace', () => {
    const plain = (tokens: number) =>
      sglang(H200).unfused({ ...scopeOf(H200), tokens, mode: 'eager' });
    expect(plain(64).steps.map(({ kernel }) => kernel)).toEqual([ONE, 'sglang/norm']);
    expect(plain(2048).steps[0]!.kernel).toBe(TWO);
    expect(plain(2049).steps[0]!.kernel).toBe(NCCL);
    expect(plain(2048).fused).toBe(false);
  });

  it('quantises separately', () => {
    const site = siteClass({
      pattern: 'ar_add_rms_fp8_static',
      stages: [
        ...STAGES,
        {
          kind: 'quant',
          scheme: 'fp8_static',
          outputDtype: 'f8e4m3fn',
          groupSize: null,
          scaleDtype: null,
          scaleFloor: null,
          scaleForm: 'reciprocal',
          scaleLayout: 'none',
        },
      ],
      outputs: ['residual', 'quant'],
    });
    expect(ask(H200, 64, 'graph', site).steps).toEqual([
      expect.objectContaining({ kernel: ONE, covers: ['all_reduce', 'residual', 'norm'] }),
      { kernel: 'sglang/norm', params: {}, covers: ['quant'] },
    ]);
    expect(sglang(H200).match({ ...scopeOf(H200), site }).reasons).toEqual([
      "SGLang's fused call does not quantise (fp8_static); the quantiser runs separately.",
    ]);
  });

  it("takes Gemma's norm, any eps, and a norm without weight", () => {
    for (const attributes of [
      { ...norm, weightBias: 1 as const },
      { ...norm, eps: 3e-7 },
      { ...norm, weightDtype: null },
    ]) {
      const site = siteClass({ stages: [STAGES[0]!, STAGES[1]!, attributes] });
      expect(sglang(H200).match({ ...scopeOf(H200), site })).toMatchObject({
        fused: true,
        pattern: 'kARResidualRMSNorm',
        covers: ['all_reduce', 'residual', 'norm'],
        reasons: [],
      });
    }
  });

  it.each([
    [
      { stages: [STAGES[0]!, norm] },
      'it adds no residual before the norm; the fused call always adds one.',
    ],
    [
      { stages: [STAGES[0]!, { kind: 'residual', factor: 0.5 }, norm] },
      'its residual is scaled by 0.5; the fused call adds it as it is.',
    ],
    [
      { stages: [STAGES[0]!, { kind: 'bias', dtype: 'bf16' }, STAGES[1]!, norm] },
      'a bias is added after its all-reduce; the fused call has none.',
    ],
    [
      { stages: [STAGES[0]!, { kind: 'scale', factor: 2 }, STAGES[1]!, norm] },
      'its all-reduce is scaled by a constant; the fused call has no factor.',
    ],
    [
      { stages: [{ kind: 'merge' }, STAGES[0]!, STAGES[1]!, norm] },
      "it sums two all-reduces; SGLang's layer code defers one sum only.",
    ],
    [
      {
        stages: [
          STAGES[0]!,
          { ...norm, kind: 'pre_norm', weightMultiply: 'before' },
          STAGES[1]!,
          norm,
        ],
      },
      "it is a sandwich (all-reduce, norm, add, norm); such layers write their residual themselves, which SGLang's fusions do not take.",
    ],
    [
      { outputs: ['all_reduce', 'residual', 'norm'] },
      'its all-reduced value is read besides the sum, which the fused call does not return.',
    ],
    [
      { dtype: 'f32' },
      'its activations are f32; the fused workspace is made for 16-bit activations.',
    ],
    [
      { stages: [STAGES[0]!, STAGES[1]!, { ...norm, weightDtype: 'f32' }] },
      'its weight is f32 and its activations are bf16; the fused call reads the weight in the dtype of the activations.',
    ],
  ] as const)('does not take %o', (more, reason) => {
    const site = siteClass(more as Parameters<typeof siteClass>[0]);
    const match = sglang(H200).match({ ...scopeOf(H200), site });
    expect(match).toMatchObject({ fused: false, pattern: null, covers: [] });
    expect(match.reasons[0]).toBe(reason);
    expect(ask(H200, 16, 'graph', site).fused).toBe(false);
  });

  it('launches a pair as two all-reduces', () => {
    const site = siteClass({ stages: [{ kind: 'merge' }, STAGES[0]!, STAGES[1]!, norm] });
    expect(ask(H200, 16, 'graph', site).steps.map(({ covers }) => covers)).toEqual([
      ['all_reduce'],
      ['all_reduce'],
      ['merge', 'residual', 'norm'],
    ]);
  });
});

describe('when it is on', () => {
  const reasonOf = (box: Box): string | undefined =>
    sglang(box).match({ ...scopeOf(box), site: siteClass() }).reasons[0];

  it.each([
    [{}, undefined],
    [{ config: { model_architecture: 'Qwen3MoeForCausalLM' } }, undefined],
    [
      { config: { model_architecture: 'LlamaForCausalLM' } },
      'it is off by default for LlamaForCausalLM.',
    ],
    [{ config: { model_architecture: 'LlamaForCausalLM', [BACKEND]: 'auto' } }, undefined],
    [
      {
        config: {
          model_architecture: 'LlamaForCausalLM',
          '--enable-flashinfer-allreduce-fusion': 'true',
        },
      },
      undefined,
    ],
    [
      { config: { 'enforce-disable-flashinfer-allreduce-fusion': 'true' } },
      'enforce-disable-flashinfer-allreduce-fusion=true.',
    ],
    [
      { config: { 'enable-deterministic-inference': 'true' } },
      'enable-deterministic-inference=true.',
    ],
    [{ config: { 'attn-dp-size': '8' } }, 'attention is data parallel (attn-dp-size=8).'],
    [
      { config: { 'enable-dp-attention': 'true', 'dp-size': '2' } },
      'attention is data parallel (attn-dp-size=2).',
    ],
    [{ config: { 'enable-dp-attention': 'true' } }, undefined],
    [
      { config: { [BACKEND]: 'auto', 'attn-dp-size': '8' } },
      'attention is data parallel (attn-dp-size=8).',
    ],
    [
      { config: { 'moe-a2a-backend': 'deepep' } },
      'it is off by default with moe-a2a-backend=deepep.',
    ],
    [{ config: { 'moe-a2a-backend': 'deepep', [BACKEND]: 'auto' } }, undefined],
    [
      { capability: 120 },
      'it is on by default on compute capability 9.x and 10.x; the target has 12.',
    ],
    [{ nodes: 2, size: 16 }, 'it is off by default on 2 nodes below compute capability 10.0.'],
    [{ capability: 100, nodes: 2, size: 16, sku: 'gb200' }, undefined],
    [
      { capability: 100, nodes: 2, size: 16, sku: 'b200' },
      'mnnvl needs NVLink multicast, which the group does not have.',
    ],
    [
      { multicast: false },
      'the preflight of the workspace asks for a multicast granularity, which is taken to fail without NVLink multicast (flashinfer_workspace=true says that it does not).',
    ],
    [{ multicast: false, config: { flashinfer_workspace: 'true' } }, undefined],
    [
      { multicast: false, capability: 100, config: { flashinfer_workspace: 'true' } },
      'mnnvl needs NVLink multicast, which the group does not have.',
    ],
    [
      {
        multicast: false,
        capability: 100,
        config: { flashinfer_workspace: 'true', [BACKEND]: 'trtllm' },
      },
      undefined,
    ],
    [{ config: { flashinfer_workspace: 'false' } }, 'flashinfer_workspace=false.'],
    [
      { config: { flashinfer_installed: 'false' } },
      'FlashInfer is not installed (flashinfer_installed=false).',
    ],
    [{ size: 1 }, 'the group has one rank.'],
    [{ size: 6 }, "FlashInfer's trtllm kernels take groups of 2, 4, 8, and this one has 6."],
    [
      { groupName: 'pp' },
      'the layer code fuses the sums of attention and experts; group pp has none of them.',
    ],
    [
      { capability: 90, config: { model_architecture: 'MiMoV2ForCausalLM' } },
      'MiMoV2ForCausalLM fuses by default on compute capability 10.x in groups of 2, 4, 8, 16 without attention context parallelism.',
    ],
  ] as const)('%o: %s', (more, reason) => {
    const box = { multicast: true, ...more } as Box;
    expect(reasonOf(box)).toBe(reason);
    expect(ask(box, 16).fused).toBe(reason === undefined);
  });

  it.each([
    [90, 'auto', ONE],
    [90, 'trtllm', ONE],
    [90, 'mnnvl', 'flashinfer/mnnvl-one-shot'],
    [100, 'auto', 'flashinfer/mnnvl-one-shot'],
    [103, 'trtllm', ONE],
    [100, 'mnnvl', 'flashinfer/mnnvl-one-shot'],
    [100, 'cutedsl', 'flashinfer/mnnvl-cutedsl'],
  ])('at %i backend %s is %s', (capability, backend, kernel) => {
    expect(siteKernel({ capability, multicast: true, config: { [BACKEND]: backend } }, 8)).toBe(
      kernel,
    );
  });

  it.each([
    [
      { nodes: 2, size: 16, config: { [BACKEND]: 'auto' } },
      'spans nodes on compute capability 10.x only',
    ],
    [
      { nodes: 2, size: 16, config: { [BACKEND]: 'mnnvl' } },
      'spans nodes on compute capability 10.x only',
    ],
    [
      { capability: 100, nodes: 2, size: 16, config: { [BACKEND]: 'trtllm' } },
      'backend trtllm serves one node, and the group spans 2',
    ],
    [
      { capability: 120, config: { [BACKEND]: 'auto' } },
      'needs compute capability 9.x or 10.x, and the target has 12',
    ],
    [{ config: { [BACKEND]: 'cutedsl' } }, 'backend cutedsl needs compute capability 10.x'],
    [
      { capability: 100, multicast: false, config: { [BACKEND]: 'cutedsl' } },
      'backend cutedsl needs NVLink multicast',
    ],
    [
      { capability: 100, size: 6, config: { [BACKEND]: 'cutedsl' } },
      'backend cutedsl serves groups of 2, 4, 8, 16',
    ],
    [{ size: 6, config: { [BACKEND]: 'auto' } }, 'take groups of 2, 4, 8, and this one has 6'],
    [
      { size: 6, config: { model_architecture: 'GptOssForCausalLM' } },
      'take groups of 2, 4, 8, and this one has 6',
    ],
  ] as const)('stops where SGLang would: %o', (more, message) => {
    const box = { multicast: true, ...more } as Box;
    expect(() => ask(box, 16)).toThrow(UsageError);
    expect(() => ask(box, 16)).toThrow(message);
  });
});

describe('backend cutedsl', () => {
  const box: Box = {
    capability: 100,
    multicast: true,
    config: { model_architecture: 'MiMoV2FlashForCausalLM' },
  };

  it('fuses every batch in bf16, and leaves plain all-reduces to the custom one', () => {
    expect(siteKernel(box, 16384, 'eager')).toBe('flashinfer/mnnvl-cutedsl');
    expect(
      ask(
        box,
        16,
        'graph',
        siteClass({
          dtype: 'f16',
          stages: [STAGES[0]!, STAGES[1]!, { ...norm, weightDtype: 'f16' }],
        }),
      ).fused,
    ).toBe(false);
    const plain = sglang(box).unfused({ ...scopeOf(box), tokens: 16, mode: 'graph' });
    expect(plain.steps[0]!.kernel).toBe('sglang/push-one-shot');
    expect(plain.passedOver.map(({ reason }) => reason)).toContain(
      'backend cutedsl reduces in fused launches only.',
    );
  });
});

describe("SGLang's own all-reduce + residual + norm", () => {
  const config = { model_architecture: 'MiniMaxM3SparseForCausalLM' };
  const site = siteClass({ hidden: 6144 });

  it.each([
    [4, 48],
    [8, 8],
    [2, 48],
  ])('with %i ranks is two-shot from %i tokens', (size, from) => {
    const at = (tokens: number) => siteKernel({ size, config }, tokens, 'graph', site);
    expect([at(1), at(from - 1), at(from), at(from + 1)]).toEqual([
      'sglang/all-reduce-norm-one-shot',
      'sglang/all-reduce-norm-one-shot',
      'sglang/all-reduce-norm-two-shot',
      'sglang/all-reduce-norm-two-shot',
    ]);
  });

  it.each([
    // One slot of 4 MiB holds 341 rows of hidden 6144; 384 is the most whatever the slot holds.
    [6144, 341],
    [4096, 384],
    [8192, 256],
  ])('at hidden %i takes up to %i tokens, without multicast', (hidden, last) => {
    const wide = siteClass({ hidden });
    const fused = (tokens: number) => ask({ config }, tokens, 'graph', wide).fused;
    expect([fused(last - 1), fused(last), fused(last + 1)]).toEqual([true, true, false]);
  });

  it('adds in rank order, rounds the sum, and normalises the unrounded sum with the residual', () => {
    expect(ask({ config }, 8, 'graph', site)).toMatchObject({
      fused: true,
      numerics: { reduceOrder: 'rank', allReduceRounded: true, normInput: 'unrounded' },
      steps: [{ covers: ['all_reduce', 'residual', 'norm'] }],
    });
    expect(sglang({ config }).match({ ...scopeOf({ config }), site }).pattern).toBe(
      'all_reduce_residual_norm',
    );
  });

  it('takes graphs, which are decode steps, and leaves the rest to FlashInfer where a flag asks for it', () => {
    expect(ask({ config }, 8, 'eager', site).fused).toBe(false);
    const both: Box = { multicast: true, config: { ...config, [BACKEND]: 'auto' } };
    const at = (tokens: number, mode: 'graph' | 'eager') => siteKernel(both, tokens, mode, site);
    expect([at(341, 'graph'), at(342, 'graph'), at(8, 'eager')]).toEqual([
      'sglang/all-reduce-norm-two-shot',
      TWO,
      ONE,
    ]);
    expect(ask(both, 342, 'graph', site).passedOver[0]!.reason).toBe(
      '342 tokens are above its limit of 341.',
    );
  });

  it.each([
    [{ config: { ...config, 'disable-custom-all-reduce': 'true' } }],
    [{ config, env: { SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: '0' } }],
    [{ config: { ...config, 'enable-deterministic-inference': 'true' } }],
    [{ config: { ...config, 'attn-dp-size': '8' } }],
    [{ config: { ...config, 'attn-cp-size': '2' } }],
    [{ config: { ...config, 'pp-size': '2' } }],
    [{ config: { ...config, 'moe-a2a-backend': 'deepep' } }],
    [{ config, capability: 80 }],
    [{ config, interconnect: 'pcie' }],
    [{ config, groupName: 'moe_ep' }],
    [{ config: { model_architecture: 'MiniMaxM2ForCausalLM' } }],
  ] as const)('does not run with %o', (box) => {
    expect(ask(box as Box, 8, 'graph', site).fused).toBe(false);
  });

  it('takes bf16 rows that split evenly', () => {
    const fused = (more: Parameters<typeof siteClass>[0]) =>
      ask({ config }, 8, 'graph', siteClass(more)).fused;
    expect(fused({ hidden: 256 })).toBe(true);
    expect(fused({ hidden: 4096 + 128 })).toBe(false);
    expect(
      fused({ dtype: 'f16', stages: [STAGES[0]!, STAGES[1]!, { ...norm, weightDtype: 'f16' }] }),
    ).toBe(false);
  });
});
