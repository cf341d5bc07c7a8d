import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { CHAIN, INPUTS, onlySite, reduce, rms } from './chains.ts';
import { program } from './program.ts';

const between = (text: string): ReturnType<typeof program> =>
  program(`${INPUTS}${reduce('x', 'a')}
    ${text}
    s: bf16[T,64] = aten.add.Tensor(r, b)${rms('s', 'y')}
    -> y, s`);

describe('between the all-reduce and the addition', () => {
  it.each([
    [
      'a functional copy',
      't: bf16[T,64] = aten.relu.default(r)\n b: bf16[T,64] = aten.copy.default(t, a)',
    ],
    [
      'a copy into a temporary',
      'b: bf16[T,64] = aten.empty.memory_format([1, 64])\n aten.copy_.default(b, a)',
    ],
    ['a view as the same dtype', 'b: bf16[T,64] = method.view(a, bf16)'],
    ['the data of a parameter', 'b: bf16[T,64] = torch._C._autograd._get_data_attr(a)'],
    [
      'a round trip through f32',
      't: f32[T,64] = aten.to.dtype(a, f32)\n b: bf16[T,64] = aten.to.dtype(t, bf16)',
    ],
    [
      'views there and back',
      't: bf16[1,T,64] = aten.unsqueeze.default(a, 0)\n b: bf16[T,64] = aten.squeeze.dim(t, 0)',
    ],
  ])('looks through %s', (_, text) => {
    const site = onlySite(between(text));
    expect(site.pattern).toBe('ar_add_rms');
    expect(site.outputs.map(({ output }) => output)).toEqual(['residual', 'norm']);
  });

  it.each([
    [
      'a round trip through a narrower dtype',
      't: f8e4m3fn[T,64] = aten.to.dtype(a, f8e4m3fn)\n b: bf16[T,64] = aten.to.dtype(t, bf16)',
      't',
    ],
    ['a part of the rows', 'b: bf16[T,64] = aten.roll.default(a, 1)', 'b'],
  ])('stops at %s', (_, text, node) => {
    const graph = between(text);
    const { sites, misses } = findSites(graph);
    expect(sites).toEqual([]);
    expect(misses.map((miss) => graph.node(miss.node).name)).toEqual([node]);
  });

  it('does not look through a copy that the caller sees', () => {
    const graph = program(`${INPUTS}
      in k: bf16[T,64]${reduce('x', 'a')}
      aten.copy_.default(k, a)
      s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}
      -> y, s`);
    expect(onlySite(graph).outputs.map(({ output }) => output)).toEqual([
      'all_reduce',
      'residual',
      'norm',
    ]);
  });

  it('keeps the rows of the all-reduce through a view', () => {
    const graph = program(`
      in x: bf16[T,64]
      in r: bf16[1,T,64]
      in w: bf16[64]${reduce('x', 'a')}
      b: bf16[1,T,64] = aten.view.default(a, [1, 9, 64])
      y, s: bf16[1,T,64], bf16[1,T,64] = vllm_ir.fused_add_rms_norm.default(b, r, w, 1e-05)
      -> y, s`);
    const site = onlySite(graph);
    expect(site.rows).toEqual({ op: 'sym', name: 'T' });
    expect(site.outputs.map(({ value }) => graph.value(value).type)).toMatchObject([
      { shape: [1, {}, 64] },
      { shape: [1, {}, 64] },
    ]);
  });

  it('leaves a view that is read elsewhere in the graph', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      b: bf16[1,T,64] = aten.view.default(a, [1, 9, 64])
      y: bf16[1,T,64] = vllm_ir.rms_norm.default(b, w, 1e-05)
      -> y, b`);
    const site = onlySite(graph);
    expect(site.covered.map((id) => graph.node(id).name)).toEqual(['a_ar', 'a', 'y']);
    expect(site.outputs.map(({ output, value }) => `${output}:${graph.value(value).name}`)).toEqual(
      ['all_reduce:a', 'norm:y'],
    );
  });

  it('takes a norm that is called on an f32 copy', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      c: f32[T,64] = aten.to.dtype(a, f32)
      f: f32[64] = aten.to.dtype(w, f32)
      n: f32[T,64] = aten.rms_norm.default(c, [64], f, 1e-05)
      y: bf16[T,64] = aten.to.dtype(n, bf16)
      -> y`);
    const site = onlySite(graph);
    expect(site.numerics).toMatchObject({ weightMultiply: 'before', weightDtype: 'bf16' });
  });

  it('covers assertions about the inside', () => {
    const graph = program(`${CHAIN}
      aten._assert_tensor_metadata.default(y_n, None, None, f32)
      -> y, s`);
    expect(onlySite(graph).covered).toHaveLength(graph.nodes.length);
  });
});

describe('ops that engines have fused', () => {
  const fused = (text: string) =>
    findSites(program(`${INPUTS}\n in o: bf16[T,64]\n in q: f8e4m3fn[T,64]\n ${text}`))
      .alreadyFused;
  const vllm = (rest: string): string =>
    `vllm.flashinfer_trtllm_fused_allreduce_norm.default(allreduce_in=x, residual=r, rms_gamma=w, rms_eps=1e-05, fp32_acc=True, ${rest})\n -> x, r`;
  it.each([
    [
      'residual form',
      vllm('norm_out=None, quant_out=None, scale_out=None, pattern_code=1'),
      'ar_add_rms',
      ['residual', 'norm'],
    ],
    [
      'without residual',
      vllm('norm_out=o, quant_out=None, scale_out=None, pattern_code=1'),
      'ar_rms',
      ['all_reduce', 'norm'],
    ],
    [
      'FP8',
      vllm('norm_out=None, quant_out=q, scale_out=None, pattern_code=2'),
      'ar_add_rms_fp8_static',
      ['residual', 'quant'],
    ],
    [
      'FP8 and norm',
      vllm('norm_out=o, quant_out=q, scale_out=None, pattern_code=4'),
      'ar_rms_fp8_static',
      ['all_reduce', 'norm', 'quant'],
    ],
    [
      'TensorRT-LLM AutoDeploy',
      "y, s: bf16[T,64], bf16[T,64] = dist.trtllm_fused_allreduce_residual_rmsnorm.default(x, r, w, 1e-05, 'NCCL')\n -> y, s",
      'ar_add_rms',
      ['residual', 'norm'],
    ],
    [
      'TensorRT-LLM',
      'y, s: bf16[T,64], bf16[T,64] = trtllm.allreduce.default(x, r, w, None, None, None, [0, 1], 3, 1, 1e-05)\n -> y, s',
      'ar_add_rms',
      ['residual', 'norm'],
    ],
    [
      'SGLang',
      'y, s: bf16[T,64], bf16[T,64] = sglang._all_reduce_residual_norm_op.default(x, r, w, 1e-05)\n -> y, s',
      'ar_add_rms',
      ['residual', 'norm'],
    ],
  ])('%s', (_, text, pattern, outputs) => {
    expect(fused(text)).toMatchObject([
      {
        pattern,
        outputs,
        hidden: 64,
        dtype: 'bf16',
        numerics: { normInput: 'rounded', weightMultiply: 'before' },
      },
    ]);
  });

  it('takes a TensorRT-LLM all-reduce without a fusion for an all-reduce', () => {
    const graph = program(`${INPUTS}
      a: bf16[T,64] = trtllm.allreduce.default(x, None, None, None, None, None, [0, 1], 3, 0, 1e-05)
      y: bf16[T,64] = auto_deploy.torch_rmsnorm.default(a, w, 1e-05)
      -> y`);
    expect(onlySite(graph)).toMatchObject({ pattern: 'ar_rms', group: '0,1' });
  });
});
