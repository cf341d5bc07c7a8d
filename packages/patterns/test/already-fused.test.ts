import type { Stage } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import { parseFx } from '@arfuse/torch';
import { describe, expect, it } from 'vitest';
import { ALREADY_FUSED, findSites } from '../src/index.ts';
import { INPUTS, onlySite } from './chains.ts';
import { program } from './program.ts';

const kinds = (stages: readonly Stage[]): string => stages.map(({ kind }) => kind).join(' ');

/** A program as Dynamo prints it, with one line for each statement. */
function printed(...lines: string[]): Graph {
  const text = [
    'class GraphModule(torch.nn.Module):',
    '    def forward(self, x: "bf16[s72, 64]", r: "bf16[s72, 64]", w: "bf16[64]", v: "bf16[64]", b: "bf16[64]", g: "f32[1]"):',
    ...lines.map((line) => `        ${line}`),
    '',
  ].join('\n');
  return parseFx(text)[0]!.graph;
}

/** What is said of the only fused op of a graph, in which nothing else may be found. */
function fusedOf(graph: Graph) {
  const { sites, misses, alreadyFused, otherCollectives } = findSites(graph);
  expect([sites, misses, otherCollectives]).toEqual([[], [], []]);
  expect(alreadyFused).toHaveLength(1);
  return alreadyFused[0]!;
}

it('says of every op where its behaviour is known from, and what it looks like', () => {
  const ops = ALREADY_FUSED.map(({ op }) => op);
  expect(new Set(ops).size).toBe(ops.length);
  for (const { op, source, example } of ALREADY_FUSED) {
    expect(example).toContain(`${op}(`);
    expect(source).toMatch(/\.(py|cuh|cu)$/);
  }
});

describe('vLLM', () => {
  const vllm = (rest: string): Graph =>
    program(`${INPUTS}\n in o: bf16[T,64]\n in q: f8e4m3fn[T,64]
    vllm.flashinfer_trtllm_fused_allreduce_norm.default(allreduce_in=x, residual=r, rms_gamma=w, rms_eps=1e-05, ${rest})\n -> x, r`);
  it.each([
    ['residual form', 'norm_out=None, pattern_code=1', 'ar_add_rms', ['residual', 'norm']],
    ['without residual', 'norm_out=o, pattern_code=1', 'ar_rms', ['all_reduce', 'norm']],
    [
      'FP8',
      'norm_out=None, quant_out=q, pattern_code=2',
      'ar_add_rms_fp8_static',
      ['residual', 'quant'],
    ],
    [
      'FP8 and norm',
      'norm_out=o, quant_out=q, pattern_code=4',
      'ar_rms_fp8_static',
      ['all_reduce', 'norm', 'quant'],
    ],
  ])('%s', (_, rest, pattern, outputs) => {
    expect(fusedOf(vllm(`fp32_acc=True, ${rest}`))).toMatchObject({
      pattern,
      outputs,
      hidden: 64,
      dtype: 'bf16',
      group: '',
      numerics: {
        accumulate: 'f32',
        reduceOrder: 'rank',
        normInput: 'rounded',
        weightMultiply: 'before',
      },
    });
  });

  it.each([
    ['fp32_acc=True', 'f32'],
    ['fp32_acc=False', 'io'],
    ['world_size=2', 'unspecified'],
  ])('adds the ranks as %s says', (rest, accumulate) => {
    const { numerics } = fusedOf(vllm(`${rest}, norm_out=None, pattern_code=1`));
    expect(numerics.accumulate).toBe(accumulate);
  });

  it('counts the weight from one where the op does', () => {
    const { stages } = fusedOf(vllm('norm_out=None, pattern_code=1, weight_bias=1.0'));
    expect(stages.at(-1)).toMatchObject({ kind: 'norm', weightBias: 1, weightDtype: 'bf16' });
  });

  it.each(['pattern_code=0', 'pattern_code=6', 'norm_out=None'])(
    'is another collective with %s',
    (rest) => {
      const found = findSites(vllm(rest));
      expect(found.alreadyFused).toEqual([]);
      expect(found.otherCollectives).toHaveLength(1);
    },
  );
});

describe('SGLang', () => {
  it('the op of FlashInfer, whose eps a call may leave out', () => {
    const call = 'torch.ops.sglang.flashinfer_allreduce_residual_rmsnorm';
    const lines = (args: string): Graph =>
      printed(
        `fused = ${call}(input_tensor = x, residual = r, weight = w${args});  x = r = w = None`,
        'y: "bf16[s72, 64]" = fused[0]',
        's: "bf16[s72, 64]" = fused[1];  fused = None',
        'return (y, s)',
      );
    const eps = (args: string): unknown => fusedOf(lines(args)).stages.at(-1);
    expect(eps(', eps = 1e-05')).toMatchObject({ eps: 1e-5 });
    expect(eps('')).toMatchObject({ eps: 1e-6 });
    expect(fusedOf(lines(', eps = 1e-05'))).toMatchObject({
      pattern: 'ar_add_rms',
      outputs: ['residual', 'norm'],
      numerics: { accumulate: 'unspecified', reduceOrder: 'unspecified', normInput: 'rounded' },
    });
    expect(fusedOf(lines(', fp32_acc = True')).numerics.accumulate).toBe('f32');
  });

  const own = (norm: string, residual: string, offset = '0.0'): Graph =>
    printed(
      'out: "bf16[s72, 64]" = torch.empty_like(x)',
      `_all_reduce_residual_norm_op = torch.ops.sglang._all_reduce_residual_norm_op(2, 64, 1, out, x, ${norm}, ${residual}, ${offset}, False, 1);  _all_reduce_residual_norm_op = None`,
      'y: "bf16[s72, 64]" = out.relu()',
      'return (y, r)',
    );

  it('its own kernel, which norms the sum before it is rounded', () => {
    expect(fusedOf(own('w, 1e-05', 'r, r'))).toMatchObject({
      pattern: 'ar_add_rms',
      outputs: ['residual', 'norm'],
      hidden: 64,
      group: '',
      stages: [{}, {}, { eps: 1e-5, weightBias: 0 }],
      numerics: {
        accumulate: 'f32',
        reduceOrder: 'rank',
        hopRounding: false,
        normInput: 'unrounded',
        weightMultiply: 'before',
      },
    });
    expect(fusedOf(own('w, 1e-05', 'r, r', '1.0')).stages.at(-1)).toMatchObject({ weightBias: 1 });
  });

  it('its own kernel without a residual', () => {
    expect(fusedOf(own('w, 1e-05', 'None, None'))).toMatchObject({
      pattern: 'ar_rms',
      outputs: ['norm'],
      numerics: { normInput: 'rounded' },
    });
  });

  it('its own kernel without a norm is an all-reduce into a buffer', () => {
    const graph = printed(
      'out: "bf16[s72, 64]" = torch.empty_like(x)',
      '_all_reduce_residual_norm_op = torch.ops.sglang._all_reduce_residual_norm_op(2, 64, 1, out, x, None, 0.0, None, None, 0.0, False, 1);  _all_reduce_residual_norm_op = None',
      'y: "bf16[s72, 64]" = torch.ops.auto_deploy.torch_rmsnorm(out, w, 1e-05)',
      'return (y,)',
    );
    expect(findSites(graph).alreadyFused).toEqual([]);
    const site = onlySite(graph);
    expect(site.pattern).toBe('ar_rms');
    expect(site.covered.map((id) => graph.node(id).name)).toEqual([
      'out',
      '_all_reduce_residual_norm_op',
      'y',
    ]);
  });

  it.each([
    [
      '_moe_finalize_all_reduce_residual_norm_op',
      'shared, w, 1e-05, r, r, 0.0, False, 1',
      'ar_add_rms',
      'unrounded',
    ],
    ['_moe_finalize_all_reduce_op', 'None, w, 1e-05, False', 'ar_rms', 'rounded'],
  ])('%s reduces inside', (op, rest, pattern, normInput) => {
    const graph = program(`${INPUTS}
      in experts: bf16[512,64]
      in idx: i32[T]
      in scales: bf16[T,8]
      in shared: bf16[T,64]
      out: bf16[T,64] = aten.empty.memory_format([1, 64])
      sglang.${op}.default(2, 64, 8, 1, out, experts, idx, scales, ${rest})
      y: bf16[T,64] = aten.relu.default(out)
      -> y, r`);
    const found = fusedOf(graph);
    expect(found).toMatchObject({
      pattern,
      hidden: 64,
      moeFinalize: true,
      numerics: { normInput },
    });
    expect(kinds(found.stages)).toBe(
      pattern === 'ar_rms' ? 'all_reduce norm' : 'all_reduce residual norm',
    );
  });

  it('experts that are reduced and not normed are another collective', () => {
    const graph = program(`${INPUTS}
      in idx: i32[T]
      in scales: bf16[T,8]
      out: bf16[T,64] = aten.empty.memory_format([1, 64])
      sglang._moe_finalize_all_reduce_op.default(2, 64, 8, 1, out, x, idx, scales, None, None, 0.0, False)
      -> out`);
    expect(findSites(graph)).toMatchObject({ alreadyFused: [], otherCollectives: [{}] });
  });
});

describe('TensorRT-LLM', () => {
  const call = (op: string, rest: string): Graph =>
    printed(
      `fused = torch.ops.trtllm.${op}(x, r, w, ${rest});  x = None`,
      'y: "bf16[s72, 64]" = fused[0]',
      's: "bf16[s72, 64]" = fused[1];  fused = None',
      'return (y, s)',
    );
  it.each([
    [1, 'all_reduce residual norm', ['residual', 'norm']],
    [3, 'all_reduce pre_norm residual norm', ['residual', 'norm']],
    [4, 'all_reduce residual norm quant', ['residual', 'quant']],
    [5, 'all_reduce residual norm quant', ['residual', 'quant', 'scale']],
    [6, 'all_reduce residual norm quant', ['residual', 'norm', 'quant']],
    [7, 'all_reduce residual norm quant', ['residual', 'norm', 'quant', 'scale']],
    [8, 'all_reduce residual norm', ['residual', 'norm']],
    [9, 'all_reduce norm', ['norm']],
  ])('fusion op %i', (code, stages, outputs) => {
    const found = fusedOf(call('allreduce', `g, None, None, [0, 1], 3, ${code}, 1e-05, True`));
    expect(kinds(found.stages)).toBe(stages);
    expect(found.outputs).toEqual(outputs);
    expect(found.group).toBe('0,1');
    expect(found.moeFinalize).toBe(code === 8 ? true : undefined);
  });

  it.each([
    ['allreduce', 'None, None, None, [0, 1], 3, 1, 1e-05, True'],
    ['tunable_allreduce', 'None, None, None, [0, 1], 3, 1, 1e-05, True'],
    ['allreduce_pg', 'None, None, None, [0, 1], 0, None, 3, 1, 1e-05, True'],
    ['mnnvl_fusion_allreduce', '1e-05, b, g, True'],
  ])('%s', (op, rest) => {
    expect(fusedOf(call(op, rest))).toMatchObject({
      pattern: 'ar_add_rms',
      stages: [{}, {}, { eps: 1e-5 }],
      numerics: { normInput: 'rounded', weightMultiply: 'before', accumulate: 'unspecified' },
    });
  });

  it('reads the fusion op as the member of an enum, too', () => {
    const graph = printed(
      'fused = torch.ops.trtllm.tunable_allreduce(input = x, residual = r, norm_weight = w, scale = None, bias = None, workspace = None, group = [0, 1], strategy = tensorrt_llm.functional.AllReduceStrategy.AUTO, op = tensorrt_llm.functional.AllReduceFusionOp.RESIDUAL_RMS_PREPOST_NORM, eps = 1e-05, trigger_completion_at_end = True);  x = r = w = None',
      'y: "bf16[s72, 64]" = fused[0]',
      's: "bf16[s72, 64]" = fused[1];  fused = None',
      'return (y, s)',
    );
    const found = fusedOf(graph);
    expect(found.pattern).toBe('ar_prepost');
    expect(found.stages[1]).toEqual({
      kind: 'pre_norm',
      eps: 1e-5,
      weightDtype: 'bf16',
      weightBias: 0,
      weightMultiply: 'before',
    });
    expect(found.numerics.preNormWeightMultiply).toBe('before');
  });

  it('adds a bias first', () => {
    const found = fusedOf(call('allreduce', 'None, b, None, [0, 1], 3, 1, 1e-05, True'));
    expect(found.stages[1]).toEqual({ kind: 'bias', dtype: 'bf16' });
    expect(kinds(found.stages)).toBe('all_reduce bias residual norm');
  });

  it('user buffers that are only gathered are another collective', () => {
    const found = findSites(call('allreduce', 'None, None, None, [0, 1], 2, 2, 1e-05, True'));
    expect(found).toMatchObject({ alreadyFused: [], sites: [], otherCollectives: [{}] });
  });

  it.each([
    ['trtllm.allreduce', 'x, None, None, None, None, None, [0, 1], 3, 0, 1e-05, True', '0,1'],
    [
      'trtllm.allreduce',
      'x, None, None, None, None, None, [0, 1], 3, AllReduceFusionOp.NONE, 1e-05, True',
      '0,1',
    ],
    [
      'trtllm.tunable_allreduce',
      'x, None, None, None, None, None, [0, 1], 3, 0, 1e-05, True',
      '0,1',
    ],
    [
      'trtllm.allreduce_pg',
      'x, None, None, None, None, None, [0, 1], 0, None, 3, 0, 1e-05, True',
      '0,1',
    ],
    ['trtllm.mnnvl_fusion_allreduce', 'x, None, None, None, g, g, False', ''],
  ])('%s(%s) only reduces', (op, args, group) => {
    const graph = printed(
      `reduced = torch.ops.${op}(${args});  x = None`,
      'a: "bf16[s72, 64]" = reduced[0];  reduced = None',
      'y: "bf16[s72, 64]" = torch.ops.auto_deploy.torch_rmsnorm(a, w, 1e-05)',
      'return (y,)',
    );
    expect(findSites(graph).alreadyFused).toEqual([]);
    expect(onlySite(graph)).toMatchObject({ pattern: 'ar_rms', group });
  });

  it.each([
    [
      'moe_finalize_allreduce',
      'input = x, residual = r, norm_weight = w, expanded_idx_to_permuted_idx = g, shared_expert_output = None, expert_scale_factor = None, workspace = g, rank = 0, nranks = 2, eps = 1e-05',
      'ar_add_rms',
    ],
    [
      'moe_finalize_allreduce',
      'input = x, residual = None, norm_weight = w, expanded_idx_to_permuted_idx = g, shared_expert_output = None, expert_scale_factor = None, workspace = g, rank = 0, nranks = 2, eps = 1e-05',
      'ar_rms',
    ],
    [
      'moe_allreduce',
      'residual = r, norm_weight = w, device_num_experts = g, scale_input = g, active_experts_token_input = x, token_input = x, workspace = g, rank = 0, nranks = 2, eps = 1e-05',
      'ar_add_rms',
    ],
  ])('%s reduces inside', (op, args, pattern) => {
    const graph = printed(
      `fused = torch.ops.trtllm.${op}(${args});  x = None`,
      'y: "bf16[s72, 64]" = fused[0]',
      's: "bf16[s72, 64]" = fused[1];  fused = None',
      'return (y, s)',
    );
    expect(fusedOf(graph)).toMatchObject({ pattern, moeFinalize: true, hidden: 64 });
  });
});

describe('TensorRT-LLM AutoDeploy', () => {
  it.each([
    ['', '1e-05', 'ar_add_rms', ['residual', 'norm']],
    ['_quant_nvfp4', 'g, 1e-05', 'ar_add_rms_nvfp4', ['residual', 'quant', 'scale']],
    ['_out_quant_nvfp4', 'g, 1e-05', 'ar_add_rms_nvfp4', ['residual', 'norm', 'quant', 'scale']],
  ])('trtllm_fused_allreduce_residual_rmsnorm%s', (suffix, rest, pattern, outputs) => {
    const graph = printed(
      `fused = torch.ops.dist.trtllm_fused_allreduce_residual_rmsnorm${suffix}.default(x, r, w, ${rest}, 'NCCL');  x = None`,
      'y: "bf16[s72, 64]" = fused[0];  fused = None',
      'return (y,)',
    );
    const found = fusedOf(graph);
    expect(found).toMatchObject({ pattern, outputs });
    expect(found.stages[2]).toMatchObject({ kind: 'norm', eps: 1e-5 });
  });
});
