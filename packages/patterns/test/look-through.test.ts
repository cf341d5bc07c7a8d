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
