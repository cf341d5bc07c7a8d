import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { INPUTS, onlySite, reduce, rms, describe as say } from './chains.ts';
import { program } from './program.ts';

const HEAD = `${INPUTS}${reduce('x', 'a')}
  s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}`;

const site = (text: string, tail: string) => {
  const graph = program(`${HEAD}
    ${text}
    -> ${tail}`);
  const found = onlySite(graph);
  return { graph, found, quant: found.stages.find(({ kind }) => kind === 'quant') };
};

const STATIC = {
  kind: 'quant',
  scheme: 'fp8_static',
  outputDtype: 'f8e4m3fn',
  groupSize: null,
  scaleDtype: null,
  scaleFloor: null,
  scaleForm: 'reciprocal',
  scaleLayout: 'none',
};
const q32 = 'c: f32[T,64] = prims.convert_element_type.default(y, f32)';
const clamp = (from: string) => `
  lo: f32[T,64] = aten.clamp_min.default(${from}, -448.0)
  hi: f32[T,64] = aten.clamp_max.default(lo, 448.0)
  q: f8e4m3fn[T,64] = prims.convert_element_type.default(hi, f8e4m3fn)`;

describe('FP8, one given scale', () => {
  it.each([
    [
      '_C functionalised',
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])\n _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)',
      STATIC,
    ],
    [
      '_C with a group shape',
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])\n _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g, group_shape=[-1, -1])',
      STATIC,
    ],
    [
      '_C in place',
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])\n _C.static_scaled_fp8_quant.default(b, y, g)\n q: f8e4m3fn[T,64] = aten.relu.default(b)',
      STATIC,
    ],
    [
      'written out, reciprocal',
      `${q32}\n i: f32[1] = aten.reciprocal.default(g)\n u: f32[T,64] = aten.mul.Tensor(c, i)${clamp('u')}`,
      STATIC,
    ],
    [
      'written out, reciprocal in front',
      `${q32}\n i: f32[1] = aten.reciprocal.default(g)\n u: f32[T,64] = aten.mul.Tensor(i, c)${clamp('u')}`,
      STATIC,
    ],
    [
      'written out, division',
      `${q32}\n u: f32[T,64] = aten.div.Tensor(c, g)${clamp('u')}`,
      { ...STATIC, scaleForm: 'divide' },
    ],
    [
      'written out, one clamp, Dynamo',
      'c: f32[T,64] = method.to(y, f32)\n u: f32[T,64] = operator.truediv(c, g)\n hi: f32[T,64] = method.clamp(u, min=-448.0, max=448.0)\n q: f8e4m3fn[T,64] = method.to(hi, f8e4m3fn)',
      { ...STATIC, scaleForm: 'divide' },
    ],
    [
      'written out, mixed dtypes',
      `u: f32[T,64] = aten.div.Tensor(y, g)${clamp('u')}`,
      { ...STATIC, scaleForm: 'divide' },
    ],
  ])('%s', (_, text, expected) => {
    const { graph, found, quant } = site(text, 'q, s');
    expect(found.pattern).toBe('ar_add_rms_fp8_static');
    expect(quant).toEqual(expected);
    expect(found.numerics).toMatchObject({
      quantInput: 'rounded',
      scaleForm: expected.scaleForm,
      scaleLayout: 'none',
    });
    expect(graph.value(found.inputs.scale!).name).toBe('g');
    expect(found.outputs.map(({ output }) => output)).toEqual(['residual', 'quant']);
  });

  it.each([
    [
      'loses a NaN in the op of vLLM, whose clamp makes it a number',
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])\n _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)',
      'lost',
    ],
    [
      'keeps a NaN in clamps of PyTorch',
      `${q32}\n u: f32[T,64] = aten.div.Tensor(c, g)${clamp('u')}`,
      'propagate',
    ],
  ])('%s', (_, text, nan) => {
    expect(site(text, 'q, s').found.numerics.nan).toBe(nan);
  });

  it('keeps the normed value where it escapes', () => {
    const { graph, found } = site(
      `${q32}\n u: f32[T,64] = aten.div.Tensor(c, g)${clamp('u')}`,
      'q, y, s',
    );
    expect(say(graph, found).outputs).toEqual(['residual:s', 'norm:y', 'quant:q']);
  });

  it('takes other bounds for no quantiser', () => {
    const graph = program(`${HEAD}
      ${q32}
      u: f32[T,64] = aten.div.Tensor(c, g)
      hi: f32[T,64] = aten.clamp.default(u, -240.0, 240.0)
      q: f8e4m3fn[T,64] = prims.convert_element_type.default(hi, f8e4m3fn)
      -> q, s`);
    expect(onlySite(graph).pattern).toBe('ar_add_rms');
  });

  it('reads the norm before its rounding, where the program does', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      c: f32[T,64] = prims.convert_element_type.default(a, f32)
      p: f32[T,64] = aten.pow.Tensor_Scalar(c, 2)
      m: f32[T,1] = aten.mean.dim(p, [-1], True)
      e: f32[T,1] = aten.add.Tensor(m, 1e-05)
      v: f32[T,1] = aten.rsqrt.default(e)
      n: f32[T,64] = aten.mul.Tensor(c, v)
      k: f32[T,64] = aten.mul.Tensor(n, w)
      y: bf16[T,64] = prims.convert_element_type.default(k, bf16)
      u: f32[T,64] = aten.div.Tensor(k, g)${clamp('u')}
      -> q, y`);
    expect(onlySite(graph)).toMatchObject({
      pattern: 'ar_rms_fp8_static',
      numerics: { quantInput: 'unrounded' },
    });
  });
});

describe('FP8, a scale per token', () => {
  const token = (scale: string, form: string) => `${q32}
    d: bf16[T,64] = aten.abs.default(y)
    ${scale}
    ${form}${clamp('u')}`;
  const amax =
    'x0: bf16[T,1] = aten.amax.default(d, [-1], True)\n x1: f32[T,1] = prims.convert_element_type.default(x0, f32)\n x3: f32[T,1] = aten.div.Tensor(x1, 448.0)\n z: f32[T,1] = aten.clamp_min.default(x3, 4.359654017857143e-06)';
  const max =
    'x0, _: bf16[T], none = aten.max.dim(d, -1)\n x1: bf16[T,1] = aten.unsqueeze.default(x0, -1)\n x2: f32[T,1] = prims.convert_element_type.default(x1, f32)\n x3: f32[T,1] = aten.div.Tensor(x2, 448.0)\n z: f32[T,1] = aten.clamp_min.default(x3, 4.359654017857143e-06)';
  it.each([
    [
      'amax, reciprocal',
      token(
        amax,
        'i: f32[T,1] = aten.reciprocal.default(z)\n u: f32[T,64] = aten.mul.Tensor(c, i)',
      ),
      'reciprocal',
    ],
    ['max of a dimension, division', token(max, 'u: f32[T,64] = aten.div.Tensor(c, z)'), 'divide'],
  ])('written out: %s', (_, text, scaleForm) => {
    const { found, quant } = site(text, 'q, z, s');
    expect(found.pattern).toBe('ar_add_rms_fp8_token');
    expect(quant).toMatchObject({
      scheme: 'fp8_token',
      groupSize: null,
      scaleDtype: 'f32',
      scaleFloor: 1 / (448 * 512),
      scaleForm,
      scaleLayout: 'row_major',
    });
    expect(found.outputs.map(({ output }) => output)).toEqual(['residual', 'quant', 'scale']);
    expect(found.numerics.nan).toBe('propagate');
  });

  it('the op of vLLM', () => {
    const { found, quant } = site(
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1])\n t: f32[T,1] = aten.empty.memory_format([1])\n _, q, z: none, f8e4m3fn[T,64], f32[T,1] = af _C.dynamic_per_token_scaled_fp8_quant.default(result=b, input=y, scale=t, scale_ub=None)',
      'q, z, s',
    );
    expect(found.pattern).toBe('ar_add_rms_fp8_token');
    expect(quant).toMatchObject({
      scaleForm: 'divide',
      scaleFloor: 1 / (448 * 512),
      scaleLayout: 'row_major',
    });
    expect(found.numerics.nan).toBe('lost');
  });

  it('takes no scale that is bounded from above', () => {
    const { found } = site(
      'b: f8e4m3fn[T,64] = aten.empty.memory_format([1])\n t: f32[T,1] = aten.empty.memory_format([1])\n _, q, z: none, f8e4m3fn[T,64], f32[T,1] = af _C.dynamic_per_token_scaled_fp8_quant.default(result=b, input=y, scale=t, scale_ub=g)',
      'q, z, s',
    );
    expect(found.pattern).toBe('ar_add_rms');
  });

  it('takes no scale of the whole tensor', () => {
    const graph = program(`${HEAD}
      ${q32}
      d: bf16[T,64] = aten.abs.default(y)
      x0: bf16[] = aten.max.default(d)
      x1: f32[] = prims.convert_element_type.default(x0, f32)
      z: f32[] = aten.div.Tensor(x1, 448.0)
      u: f32[T,64] = aten.div.Tensor(c, z)${clamp('u')}
      -> q, z, s`);
    expect(onlySite(graph).pattern).toBe('ar_add_rms');
  });
});

describe('FP8, a scale per group', () => {
  const group = (powers: string) => `
    v: bf16[T,4,16] = aten.view.default(y, [1, 4, 16])
    d: bf16[T,4,16] = aten.abs.default(v)
    x0: bf16[T,4,1] = aten.amax.default(d, [-1], True)
    x1: f32[T,4,1] = prims.convert_element_type.default(x0, f32)
    x2: f32[T,4,1] = aten.div.Tensor(x1, 448.0)
    ${powers}
    u: f32[T,4,16] = aten.div.Tensor(v, z)
    lo: f32[T,4,16] = aten.clamp_min.default(u, -448.0)
    hi: f32[T,4,16] = aten.clamp_max.default(lo, 448.0)
    k: f8e4m3fn[T,4,16] = prims.convert_element_type.default(hi, f8e4m3fn)
    q: f8e4m3fn[T,64] = aten.view.default(k, [1, 64])
    sc: f32[T,4] = aten.squeeze.dim(z, -1)`;
  it.each([
    ['f32 scales', 'z: f32[T,4,1] = aten.clamp_min.default(x2, 1e-10)', 'f32'],
    [
      'powers of two',
      'l: f32[T,4,1] = aten.log2.default(x2)\n t: f32[T,4,1] = aten.ceil.default(l)\n o: f32[T,4,1] = aten.exp2.default(t)\n z: f32[T,4,1] = aten.clamp_min.default(o, 1e-10)',
      'f8e8m0fnu',
    ],
  ])('written out: %s', (_, powers, scaleDtype) => {
    const { graph, found, quant } = site(group(powers), 'q, sc, s');
    expect(found.pattern).toBe('ar_add_rms_fp8_group');
    expect(quant).toMatchObject({
      groupSize: 16,
      scaleDtype,
      scaleFloor: 1e-10,
      scaleForm: 'divide',
      scaleLayout: 'row_major',
    });
    expect(say(graph, found).outputs).toEqual(['residual:s', 'quant:k', 'scale:z']);
  });

  it.each([
    ['f32, row major', 'f32[T,4][4,1]', 'False', { scaleDtype: 'f32', scaleLayout: 'row_major' }],
    [
      'f32, column major',
      'f32[T,4][1,T]',
      'False',
      { scaleDtype: 'f32', scaleLayout: 'column_major' },
    ],
    ['UE8M0', 'f32[T,4][1,T]', 'True', { scaleDtype: 'f8e8m0fnu', scaleLayout: 'column_major' }],
    [
      'UE8M0, packed',
      'i32[T,1][1,T]',
      'True',
      { scaleDtype: 'f8e8m0fnu', scaleLayout: 'column_major_packed' },
    ],
  ])('the op of vLLM: %s', (_, type, powers, expected) => {
    const { found, quant } = site(
      `b: f8e4m3fn[T,64] = aten.empty.memory_format([1])
      t: ${type} = aten.empty.memory_format([1])
      _, q, z: none, f8e4m3fn[T,64], ${type} = af _C.per_token_group_fp8_quant.default(input=y, output_q=b, output_s=t, group_size=16, eps=1e-10, fp8_min=-448.0, fp8_max=448.0, scale_ue8m0=${powers}, dummy_is_scale_transposed=False, dummy_is_tma_aligned=False)`,
      'q, z, s',
    );
    expect(found.pattern).toBe('ar_add_rms_fp8_group');
    expect(quant).toMatchObject({
      groupSize: 16,
      // Powers of two are rounded up from no less than 1e-10.
      scaleFloor: powers === 'True' ? 1e-10 : 1e-10 / 448,
      scaleForm: 'divide',
      ...expected,
    });
  });
});

describe('NVFP4', () => {
  it.each([
    [
      '.out',
      '_, q, z: none, u8[T,32], i32[T,1] = af _C.scaled_fp4_quant.out(input=y, input_scale=g, is_sf_swizzled_layout=True, output=b, output_scale=t)',
      'swizzled_128x4',
    ],
    [
      '.out, linear',
      '_, q, z: none, u8[T,32], i32[T,1] = af _C.scaled_fp4_quant.out(input=y, input_scale=g, is_sf_swizzled_layout=False, output=b, output_scale=t)',
      'linear',
    ],
    [
      '.default in place',
      '_C.scaled_fp4_quant.default(b, y, t, g)\n q: u8[T,32] = aten.relu.default(b)\n z: i32[T,1] = aten.relu.default(t)',
      'swizzled_128x4',
    ],
  ])('%s', (_, text, scaleLayout) => {
    const { graph, found, quant } = site(
      `b: u8[T,32] = aten.empty.memory_format([1])\n t: i32[T,1] = aten.empty.memory_format([1])\n ${text}`,
      'q, z, s',
    );
    expect(found.pattern).toBe('ar_add_rms_nvfp4');
    expect(quant).toEqual({
      kind: 'quant',
      scheme: 'nvfp4',
      outputDtype: 'f4e2m1fnx2',
      groupSize: 16,
      scaleDtype: 'f8e4m3fn',
      scaleFloor: null,
      scaleForm: 'reciprocal',
      scaleLayout,
    });
    expect(graph.value(found.inputs.scale!).name).toBe('g');
    expect(found.outputs.map(({ output }) => output)).toEqual(['residual', 'quant', 'scale']);
  });
});

it('fits every chain', () => {
  const text = `b: f8e4m3fn[T,64] = aten.empty.memory_format([1])\n _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)`;
  const first = program(`${INPUTS}${reduce('x', 'a')}${rms('a', 'y')}\n ${text}\n -> q, a`);
  expect(findSites(first).sites).toMatchObject([{ pattern: 'ar_rms_fp8_static' }]);
  const sandwich = program(
    `${INPUTS}${reduce('x', 'a')}${rms('a', 'p')}\n s: bf16[T,64] = aten.add.Tensor(p, r)${rms('s', 'y')}\n ${text}\n -> q, s`,
  );
  expect(findSites(sandwich).sites).toMatchObject([{ pattern: 'ar_prepost_fp8_static' }]);
});
