import type { NumericsRecord } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { CHAIN, INPUTS, onlySite, rms, describe as say } from './chains.ts';
import { program } from './program.ts';

describe('norm', () => {
  const afterAr = (text: string): ReturnType<typeof program> =>
    program(`${INPUTS}
    in w32: f32[64]
    a: bf16[T,64] = vllm.all_reduce.default(x, 'tp')
    ${text}`);
  const core = `
    c: f32[T,64] = method.to(a, f32)
    p: f32[T,64] = method.pow(c, 2)
    m: f32[T,1] = method.mean(p, dim=-1, keepdim=True)
    e: f32[T,1] = operator.add(m, 1e-05)
    v: f32[T,1] = torch.rsqrt(e)
    n: f32[T,64] = operator.mul(c, v)`;

  it.each([
    [
      'vllm_ir',
      'y: bf16[T,64] = vllm_ir.rms_norm.default(a, w, 1e-05)',
      { weightMultiply: 'after' },
    ],
    [
      'vllm_ir, maybe_inplace, explicit None',
      'y: bf16[T,64] = vllm_ir.rms_norm.maybe_inplace(a, w, 1e-05, None)',
      { weightMultiply: 'after' },
    ],
    [
      'vllm_ir, f32 weight',
      'y: bf16[T,64] = vllm_ir.rms_norm.default(a, w32, 1e-05)',
      { weightMultiply: 'before', weightDtype: 'f32' },
    ],
    [
      'vllm_ir, Gemma',
      'f: f32[64] = method.float(w)\n h: f32[64] = operator.add(f, 1.0)\n y: bf16[T,64] = vllm_ir.rms_norm.default(a, h, 1e-05)',
      { weightMultiply: 'before', weightBias: 1, weightDtype: 'bf16' },
    ],
    [
      '_C in place',
      'o: bf16[T,64] = aten.empty_like.default(a)\n _C.rms_norm(o, a, w, 1e-05)\n y: bf16[T,64] = aten.relu.default(o)',
      { weightMultiply: 'after' },
    ],
    [
      '_C functionalised',
      'o: bf16[T,64] = aten.empty_like.default(a)\n _, y: none, bf16[T,64] = af _C.rms_norm.default(result=o, input=a, weight=w, epsilon=1e-05)',
      { weightMultiply: 'after' },
    ],
    [
      '_C functionalised, CPU name of the buffer',
      'o: bf16[T,64] = aten.empty_like.default(a)\n _, y: none, bf16[T,64] = af _C.rms_norm.default(out=o, input=a, weight=w, epsilon=1e-05)',
      { weightMultiply: 'after' },
    ],
    [
      '_C functionalised v2',
      'o: bf16[T,64] = aten.empty_like.default(a)\n _, y: none, bf16[T,64] = af2 _C.rms_norm.default(input=a, weight=w, epsilon=1e-05, _result_base_index=0, _all_bases=[o])',
      { weightMultiply: 'after' },
    ],
    [
      'aten.rms_norm',
      'y: bf16[T,64] = aten.rms_norm.default(a, [64], w, 1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'aten._fused_rms_norm',
      'y, q: bf16[T,64], f32[T,1] = aten._fused_rms_norm.default(a, [64], w, 1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'F.rms_norm',
      'y: bf16[T,64] = torch.nn.functional.rms_norm(a, [64], weight=w, eps=1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'AutoDeploy',
      'y: bf16[T,64] = auto_deploy.torch_rmsnorm(a, w, 1e-05)',
      { weightMultiply: 'after' },
    ],
    [
      'AutoDeploy, Triton',
      'y: bf16[T,64] = auto_deploy.triton_rms_norm.default(a, w, 1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'AutoDeploy, FlashInfer',
      'y: bf16[T,64] = auto_deploy.flashinfer_rms_norm.default(a, w, 1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'TensorRT-LLM, FlashInfer',
      'y: bf16[T,64] = trtllm.flashinfer_rmsnorm.default(a, w, 1e-05)',
      { weightMultiply: 'before' },
    ],
    [
      'TensorRT-LLM, FlashInfer, Gemma',
      'y: bf16[T,64] = trtllm.flashinfer_gemma_rmsnorm.default(a, w, 1e-05)',
      { weightMultiply: 'before', weightBias: 1 },
    ],
    [
      'sgl_kernel',
      'o: bf16[T,64] = aten.empty_like.default(a)\n sgl_kernel.rmsnorm.default(o, a, w, 1e-05, False)\n y: bf16[T,64] = aten.relu.default(o)',
      { weightMultiply: 'before' },
    ],
    [
      'sgl_kernel, Gemma',
      'o: bf16[T,64] = aten.empty_like.default(a)\n sgl_kernel.gemma_rmsnorm.default(o, a, w, 1e-05, False)\n y: bf16[T,64] = aten.relu.default(o)',
      { weightMultiply: 'before', weightBias: 1 },
    ],
    [
      'Dynamo, weight after the cast',
      `${core}\n h: bf16[T,64] = method.to(n, bf16)\n y: bf16[T,64] = operator.mul(h, w)`,
      { weightMultiply: 'after' },
    ],
    [
      'Dynamo, weight first',
      `${core}\n h: bf16[T,64] = method.to(n, bf16)\n y: bf16[T,64] = operator.mul(w, h)`,
      { weightMultiply: 'after' },
    ],
    [
      'Dynamo, weight before the cast',
      `${core}\n q: f32[T,64] = operator.mul(n, w)\n y: bf16[T,64] = method.to(q, bf16)`,
      { weightMultiply: 'before' },
    ],
    [
      'weight cast to f32 first',
      `${core}\n f: f32[64] = method.float(w)\n q: f32[T,64] = operator.mul(f, n)\n y: bf16[T,64] = method.to(q, dtype=bf16)`,
      { weightMultiply: 'before', weightDtype: 'bf16' },
    ],
    [
      'f32 weight after the cast, cast again',
      `${core}\n h: bf16[T,64] = method.to(n, bf16)\n q: f32[T,64] = operator.mul(w32, h)\n y: bf16[T,64] = method.to(q, bf16)`,
      { weightMultiply: 'after', weightDtype: 'f32' },
    ],
    [
      'Gemma, one first',
      `${core}\n f: f32[64] = method.float(w)\n g1: f32[64] = operator.add(1.0, f)\n q: f32[T,64] = operator.mul(n, g1)\n y: bf16[T,64] = method.type_as(q, a)`,
      { weightMultiply: 'before', weightBias: 1, weightDtype: 'bf16' },
    ],
    [
      'Gemma, f32 weight',
      `${core}\n g1: f32[64] = aten.add.Tensor(w32, 1)\n q: f32[T,64] = aten.mul.Tensor(g1, n)\n y: bf16[T,64] = aten._to_copy.default(q, dtype=bf16)`,
      { weightMultiply: 'before', weightBias: 1, weightDtype: 'f32' },
    ],
    [
      'no weight',
      `${core}\n y: bf16[T,64] = method.bfloat16(n)`,
      { weightMultiply: 'before', weightDtype: null },
    ],
    [
      'x * x, inverse root as a power',
      'c: f32[T,64] = aten.to.dtype(a, f32)\n p: f32[T,64] = aten.mul.Tensor(c, c)\n m: f32[T,1] = aten.mean.dim(p, [1], True)\n e: f32[T,1] = aten.add.Scalar(m, 1e-05)\n v: f32[T,1] = aten.pow.Tensor_Scalar(e, -0.5)\n n: f32[T,64] = aten.mul.Tensor(v, c)\n h: bf16[T,64] = aten.to.dtype(n, bf16)\n y: bf16[T,64] = aten.mul.Tensor(h, w)',
      { weightMultiply: 'after' },
    ],
    [
      'sum over the length',
      'c: f32[T,64] = aten.to.dtype(a, f32)\n p: f32[T,64] = aten.square.default(c)\n u: f32[T,1] = aten.sum.dim_IntList(p, [-1], True)\n m: f32[T,1] = aten.div.Tensor(u, 64)\n e: f32[T,1] = aten.add.Tensor(1e-05, m)\n v: f32[T,1] = aten.rsqrt.default(e)\n n: f32[T,64] = aten.mul.Tensor(v, c)\n h: bf16[T,64] = aten.to.dtype(n, bf16)\n y: bf16[T,64] = aten.mul.Tensor(h, w)',
      { weightMultiply: 'after' },
    ],
    [
      'detached weight',
      'd: bf16[64] = aten.detach.default(w)\n y: bf16[T,64] = vllm_ir.rms_norm.default(a, d, 1e-05)',
      { weightMultiply: 'after' },
    ],
  ] satisfies [string, string, Partial<NumericsRecord>][])(
    '%s',
    (_, text, numerics: Partial<NumericsRecord>) => {
      const graph = afterAr(`${text}\n -> y`);
      const site = onlySite(graph);
      expect(site.pattern).toBe('ar_rms');
      expect(site.numerics).toMatchObject({
        normInput: 'rounded',
        weightBias: 0,
        weightDtype: 'bf16',
        ...numerics,
      });
      expect(site.stages.at(-1)).toMatchObject({ kind: 'norm', eps: 1e-5 });
      expect(site.outputs.map(({ output }) => output)).toEqual(['norm']);
      if (numerics.weightDtype !== null)
        expect(graph.value(site.inputs.weight!).name).toBe(
          numerics.weightDtype === 'f32' ? 'w32' : 'w',
        );
    },
  );

  it('takes eps of the computing type when it is None', () => {
    const site = onlySite(
      afterAr('y: bf16[T,64] = aten.rms_norm.default(a, [64], w, None)\n -> y'),
    );
    expect(site.stages.at(-1)).toMatchObject({ eps: 2 ** -23 });
  });

  it('keeps a weight that is rounded after one is added', () => {
    const graph = afterAr(
      'h: bf16[64] = aten.add.Tensor(w, 1.0)\n y: bf16[T,64] = vllm_ir.rms_norm.default(a, h, 1e-05)\n -> y',
    );
    expect(onlySite(graph).numerics.weightBias).toBe(0);
    expect(graph.value(onlySite(graph).inputs.weight!).name).toBe('h');
  });

  it('leaves a shared preparation of the weight in the graph', () => {
    const graph = afterAr(
      'f: f32[64] = method.float(w)\n h: f32[64] = operator.add(f, 1.0)\n y: bf16[T,64] = vllm_ir.rms_norm.default(a, h, 1e-05)\n -> y, h',
    );
    const site = onlySite(graph);
    expect(site.numerics.weightBias).toBe(1);
    expect(site.covered.map((id) => graph.node(id).name)).not.toContain('h');
    expect(graph.value(site.inputs.weight!).name).toBe('w');
  });
});

describe('add and norm', () => {
  const add = (text: string): ReturnType<typeof program> =>
    program(`${INPUTS}
    a: bf16[T,64] = vllm.all_reduce.default(x, 'tp')
    ${text}
    -> y, s`);
  const norm32 = `
    p: f32[T,64] = aten.pow.Tensor_Scalar(t, 2)
    m: f32[T,1] = aten.mean.dim(p, [-1], True)
    e: f32[T,1] = aten.add.Tensor(m, 1e-05)
    v: f32[T,1] = aten.rsqrt.default(e)
    n: f32[T,64] = aten.mul.Tensor(t, v)
    h: bf16[T,64] = aten.to.dtype(n, bf16)
    y: bf16[T,64] = aten.mul.Tensor(h, w)`;

  it.each([
    [
      'vllm_ir',
      'y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r, w, 1e-05)',
      'unrounded',
      'after',
    ],
    [
      'vllm_ir, operands swapped',
      'y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.maybe_inplace(r, a, w, 1e-05, None)',
      'unrounded',
      'after',
    ],
    [
      '_C functionalised',
      '_, y, s: none, bf16[T,64], bf16[T,64] = af _C.fused_add_rms_norm.default(input=a, residual=r, weight=w, epsilon=1e-05)',
      'rounded',
      'after',
    ],
    [
      '_C functionalised v2',
      '_, y, s: none, bf16[T,64], bf16[T,64] = af2 _C.fused_add_rms_norm.default(weight=w, epsilon=1e-05, _input_base_index=0, _residual_base_index=1, _all_bases=[a, r])',
      'rounded',
      'after',
    ],
    [
      '_C in place',
      '_C.fused_add_rms_norm(a, r, w, 1e-05)\n y: bf16[T,64] = aten.relu.default(a)\n s: bf16[T,64] = aten.relu.default(r)',
      'rounded',
      'after',
    ],
    [
      'sgl_kernel in place',
      'sgl_kernel.fused_add_rmsnorm.default(a, r, w, 1e-05, False)\n y: bf16[T,64] = aten.relu.default(a)\n s: bf16[T,64] = aten.relu.default(r)',
      'unrounded',
      'before',
    ],
    [
      'AutoDeploy, Triton',
      'y, s: bf16[T,64], bf16[T,64] = auto_deploy.triton_fused_add_rms_norm.default(a, r, w, 1e-05)',
      'rounded',
      'before',
    ],
    [
      'AutoDeploy, FlashInfer in place',
      'auto_deploy.flashinfer_fused_add_rms_norm_inplace.default(a, r, w, 1e-05)\n y: bf16[T,64] = aten.relu.default(a)\n s: bf16[T,64] = aten.relu.default(r)',
      'unrounded',
      'before',
    ],
    [
      'TensorRT-LLM functionalised',
      '_, y, s: none, bf16[T,64], bf16[T,64] = af trtllm.flashinfer_fused_add_rmsnorm.default(input=a, residual=r, weight=w, eps=1e-05)',
      'unrounded',
      'before',
    ],
    [
      'vLLM Ascend',
      'y, _, s: bf16[T,64], none, bf16[T,64] = _C_ascend.npu_add_rms_norm_bias.default(a, r, w, None, 1e-05)',
      'rounded',
      'after',
    ],
    [
      'vLLM Ascend, by keyword',
      'y, _, s: bf16[T,64], none, bf16[T,64] = _C_ascend.npu_add_rms_norm_bias.default(x1=r, x2=a, gamma=w, beta=None, epsilon=1e-05)',
      'rounded',
      'after',
    ],
    ['rounded sum', `s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}`, 'rounded', 'after'],
    [
      'rounded sum, operands swapped',
      `s: bf16[T,64] = operator.add(a, r)${rms('s', 'y')}`,
      'rounded',
      'after',
    ],
    ['in place', `s: bf16[T,64] = method.add_(a, r)${rms('s', 'y')}`, 'rounded', 'after'],
    [
      'unrounded f32 sum',
      `ca: f32[T,64] = aten.to.dtype(a, f32)\n cr: f32[T,64] = aten.to.dtype(r, f32)\n t: f32[T,64] = aten.add.Tensor(ca, cr)\n s: bf16[T,64] = aten.to.dtype(t, bf16)${norm32}`,
      'unrounded',
      'after',
    ],
    [
      'f32 sum of mixed dtypes',
      `ca: f32[T,64] = aten.to.dtype(a, f32)\n t: f32[T,64] = aten.add.Tensor(ca, r)\n s: bf16[T,64] = aten.to.dtype(t, bf16)${norm32}`,
      'unrounded',
      'after',
    ],
    [
      'f32 sum, norm of the stored sum',
      `ca: f32[T,64] = aten.to.dtype(a, f32)\n t: f32[T,64] = aten.add.Tensor(ca, r)\n s: bf16[T,64] = aten.to.dtype(t, bf16)${rms('s', 'y')}`,
      'rounded',
      'after',
    ],
  ])('%s', (_, text, normInput, weightMultiply) => {
    const graph = add(text);
    const site = onlySite(graph);
    expect(site.pattern).toBe('ar_add_rms');
    expect(site.numerics).toMatchObject({ normInput, weightMultiply });
    expect(site.outputs.map(({ output }) => output)).toEqual(['residual', 'norm']);
    expect(graph.value(site.inputs.residual!).name).toBe('r');
    expect(site.inputs.partials.map((id) => graph.value(id).name)).toEqual(['x']);
  });

  it('takes the eps of a schema where a call leaves it out', () => {
    const graph = add(
      'y, _, s: bf16[T,64], none, bf16[T,64] = _C_ascend.npu_add_rms_norm_bias.default(a, r, w)',
    );
    expect(onlySite(graph).stages.at(-1)).toMatchObject({ kind: 'norm', eps: 1e-6 });
  });

  it('refuses a norm that adds a bias to its result', () => {
    const graph = add(
      'y, _, s: bf16[T,64], none, bf16[T,64] = _C_ascend.npu_add_rms_norm_bias.default(a, r, w, w, 1e-05)',
    );
    const { sites, misses } = findSites(graph);
    expect(sites).toEqual([]);
    expect(misses).toMatchObject([
      {
        phase: 'structure',
        reason: '`call_2` adds a bias to the normed value (beta).',
      },
    ]);
  });

  it('captures what a site is, completely', () => {
    const graph = program(`${CHAIN}-> y, s`);
    const site = onlySite(graph);
    expect(say(graph, site)).toEqual({
      pattern: 'ar_add_rms',
      stages: [
        { kind: 'all_reduce' },
        { kind: 'residual', factor: null },
        { kind: 'norm', eps: 1e-5, weightDtype: 'bf16', weightBias: 0 },
      ],
      outputs: ['residual:s', 'norm:y'],
      inputs: { partials: ['x'], residual: 'r', weight: 'w' },
      numerics: {
        accumulate: 'unspecified',
        reduceOrder: 'unspecified',
        hopRounding: 'unspecified',
        allReduceRounded: true,
        normInput: 'rounded',
        weightMultiply: 'after',
        weightBias: 0,
        weightDtype: 'bf16',
        preNormWeightMultiply: null,
        quantInput: null,
        scaleFloor: null,
        scaleForm: null,
        scaleLayout: null,
        nan: 'propagate',
        geometryInvariant: true,
        mergedPartials: false,
      },
    });
    expect(site.covered.map((id) => graph.node(id).name)).toEqual([
      'a_ar',
      'a',
      's',
      'y_c',
      'y_p',
      'y_m',
      'y_e',
      'y_r',
      'y_n',
      'y_h',
      'y',
    ]);
    expect(graph.node(site.anchor).name).toBe('a_ar');
  });
});
