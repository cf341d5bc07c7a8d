import type { Graph } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { findSites, type Miss } from '../src/index.ts';
import { CHAIN, INPUTS, onlySite, reduce, rms, describe as say } from './chains.ts';
import { program } from './program.ts';

/** The miss of a graph with one all-reduce and no site. */
function onlyMiss(graph: Graph): Miss & { readonly at: string } {
  const { sites, misses } = findSites(graph);
  expect(sites).toEqual([]);
  expect(misses).toHaveLength(1);
  return { ...misses[0]!, at: graph.node(misses[0]!.node).name };
}

describe('structure', () => {
  it.each([
    [
      'another reduce op',
      `${INPUTS}${reduce('x', 'a', '0', 'avg')}${rms('a', 'y')}\n -> y`,
      'a_ar',
      '"avg"',
    ],
    [
      'a maximum',
      `${INPUTS}${reduce('x', 'a', '0', 'max')}${rms('a', 'y')}\n -> y`,
      'a_ar',
      '"max"',
    ],
    ['a norm in another graph', `${INPUTS}${reduce('x', 'a')}\n -> a`, 'a_ar', 'split site'],
    [
      'nothing reads the result',
      `${INPUTS}${reduce('x', 'a')}\n -> r`,
      'a_ar',
      'Nothing in this graph reads',
    ],
    [
      'a vector',
      `in x: bf16[64]\n in w: bf16[64]\n a: bf16[64] = vllm.all_reduce.default(x, 'tp')\n y: bf16[64] = vllm_ir.rms_norm.default(a, w, 1e-05)\n -> y`,
      'a',
      'one dimension',
    ],
    [
      'a matrix product',
      `${INPUTS}${reduce('x', 'a')}\n in m: bf16[64,64]\n z: bf16[T,64] = aten.mm.default(a, m)\n -> z`,
      'z',
      '`z` (aten.mm.default)',
    ],
    [
      'a sum without a norm',
      `${INPUTS}${reduce('x', 'a')}\n s: bf16[T,64] = aten.add.Tensor(a, r)\n z: bf16[T,64] = aten.relu.default(s)\n -> z`,
      'z',
      'no RMSNorm',
    ],
    [
      'LayerNorm',
      `${INPUTS}${reduce('x', 'a')}\n y: bf16[T,64] = aten.layer_norm.default(a, [64], w, w)\n -> y`,
      'y',
      'aten.layer_norm.default',
    ],
    [
      'a mean over another axis',
      `${INPUTS}${reduce('x', 'a')}
      c: f32[T,64] = aten.to.dtype(a, f32)
      p: f32[T,64] = aten.pow.Tensor_Scalar(c, 2)
      m: f32[1,64] = aten.mean.dim(p, [0], True)
      e: f32[1,64] = aten.add.Tensor(m, 1e-05)
      v: f32[1,64] = aten.rsqrt.default(e)
      n: f32[T,64] = aten.mul.Tensor(c, v)
      y: bf16[T,64] = aten.to.dtype(n, bf16)
      -> y`,
      'v',
      'averages over dimension 0',
    ],
    [
      'a mean over two axes',
      `${INPUTS}${reduce('x', 'a')}\n y: bf16[T,64] = aten.rms_norm.default(a, [8, 64], w, 1e-05)\n -> y`,
      'y',
      'more than the last dimension',
    ],
    [
      'a norm of a part of the row',
      `${INPUTS}${reduce('x', 'a')}\n y: bf16[T,64] = vllm_ir.rms_norm.default(a, w, 1e-05, 32)\n -> y`,
      'y',
      'variance_size',
    ],
    [
      'a norm in bf16',
      `${INPUTS}${reduce('x', 'a')}
      p: bf16[T,64] = aten.pow.Tensor_Scalar(a, 2)
      m: bf16[T,1] = aten.mean.dim(p, [-1], True)
      e: bf16[T,1] = aten.add.Tensor(m, 1e-05)
      v: bf16[T,1] = aten.rsqrt.default(e)
      n: bf16[T,64] = aten.mul.Tensor(a, v)
      y: bf16[T,64] = aten.mul.Tensor(n, w)
      -> y`,
      'v',
      'squares in bf16',
    ],
    [
      'rows of another length',
      `${INPUTS}${reduce('x', 'a')}
      h: bf16[T,4,16] = aten.view.default(a, [1, 4, 16])
      in w16: bf16[16]
      y: bf16[T,4,16] = vllm_ir.rms_norm.default(h, w16, 1e-05)
      -> y`,
      'h',
      '`h` (aten.view.default)',
    ],
    [
      'a change in place between',
      `${INPUTS}${reduce('x', 'a')}
      z: bf16[T,64] = aten.relu_.default(a)
      y: bf16[T,64] = vllm_ir.rms_norm.default(a, w, 1e-05)
      -> y`,
      'z',
      'in place before any norm reads it',
    ],
    [
      'a sum scaled by alpha',
      `${INPUTS}${reduce('x', 'a')}\n s: bf16[T,64] = aten.add.Tensor(r, a, alpha=2)${rms('s', 'y')}\n -> y`,
      's',
      'aten.add.Tensor',
    ],
    [
      'a division that no factor repeats',
      `${INPUTS}${reduce('x', 'a')}\n b: bf16[T,64] = aten.div.Tensor(a, 3.0)${rms('b', 'y')}\n -> y`,
      'b',
      'aten.div.Tensor',
    ],
  ])('%s', (_, text, node, words) => {
    const miss = onlyMiss(program(text));
    expect(miss.phase).toBe('structure');
    expect(miss.at).toBe(node);
    expect(miss.reason).toContain(words);
    expect(miss.reason).toMatch(/^[A-Z`].*\.$/);
  });

  it('joins no two groups', () => {
    const graph = program(`${INPUTS}
      in x2: bf16[T,64]${reduce('x', 'a', 'tp')}${reduce('x2', 'b', 'ep')}
      t: bf16[T,64] = aten.add.Tensor(a, b)
      s: bf16[T,64] = aten.add.Tensor(t, r)${rms('s', 'y')}
      -> y, s`);
    const { sites, misses } = findSites(graph);
    expect(sites).toEqual([]);
    expect(misses).toHaveLength(2);
    expect(misses.some(({ reason }) => reason.includes('another group'))).toBe(true);
  });
});

describe('use', () => {
  const interior = ['y_p', 'y_m', 'y_e', 'y_r', 'y_n', 'y_h'];
  it.each(interior)('no reader of %s outside', (value) => {
    const miss = onlyMiss(
      program(`${CHAIN}
      z: bf16[T,64] = aten.relu.default(${value})
      -> y, s, z`),
    );
    expect(miss).toMatchObject({ phase: 'use', at: 'z' });
    expect(miss.reason).toContain(`\`${value}\``);
  });

  it.each(interior)('%s is not returned', (value) => {
    const miss = onlyMiss(program(`${CHAIN}-> y, s, ${value}`));
    expect(miss).toMatchObject({ phase: 'use', at: value });
    expect(miss.reason).toContain('he program returns');
  });

  const unrounded = `${INPUTS}${reduce('x', 'a')}
    ca: f32[T,64] = aten.to.dtype(a, f32)
    t: f32[T,64] = aten.add.Tensor(ca, r)
    s: bf16[T,64] = aten.to.dtype(t, bf16)
    p: f32[T,64] = aten.pow.Tensor_Scalar(t, 2)
    m: f32[T,1] = aten.mean.dim(p, [-1], True)
    e: f32[T,1] = aten.add.Tensor(m, 1e-05)
    v: f32[T,1] = aten.rsqrt.default(e)
    n: f32[T,64] = aten.mul.Tensor(t, v)
    h: bf16[T,64] = aten.to.dtype(n, bf16)
    y: bf16[T,64] = aten.mul.Tensor(h, w)
  `;
  it('the unrounded sum does not escape', () => {
    const miss = onlyMiss(
      program(`${unrounded}
      z: f32[T,64] = aten.relu.default(t)
      -> y, s, z`),
    );
    expect(miss).toMatchObject({ phase: 'use', at: 'z' });
    expect(miss.reason).toContain('the sum before it is rounded');
    expect(onlyMiss(program(`${unrounded}-> y, s, t`))).toMatchObject({ phase: 'use', at: 't' });
  });

  it('two sites may hand on an f32 sum, when nothing else reads it', () => {
    const second = `
      in x2: bf16[T,64]${reduce('x2', 'b')}
      cb: f32[T,64] = aten.to.dtype(b, f32)
      t2: f32[T,64] = aten.add.Tensor(cb, t)
      p2: f32[T,64] = aten.pow.Tensor_Scalar(t2, 2)
      m2: f32[T,1] = aten.mean.dim(p2, [-1], True)
      e2: f32[T,1] = aten.add.Tensor(m2, 1e-05)
      v2: f32[T,1] = aten.rsqrt.default(e2)
      n2: f32[T,64] = aten.mul.Tensor(t2, v2)
      h2: bf16[T,64] = aten.to.dtype(n2, bf16)
      y2: bf16[T,64] = aten.mul.Tensor(h2, w)`;
    const first = unrounded.replace('s: bf16[T,64] = aten.to.dtype(t, bf16)', '');
    const graph = program(`${first}${second}\n -> y, y2`);
    const { sites, misses } = findSites(graph);
    expect(misses).toEqual([]);
    expect(sites).toMatchObject([{ carriedResidual: true }, { carriedResidual: true }]);
    expect(say(graph, sites[0]!).outputs).toEqual(['residual:t', 'norm:y']);
    // One more reader, and neither can stand.
    const read = findSites(
      program(`${first}${second}\n z: f32[T,64] = aten.relu.default(t)\n -> y, y2, z`),
    );
    expect(read.sites).toEqual([]);
    expect(read.misses.map(({ phase }) => phase)).toEqual(['use', 'use']);
    // An f32 residual from elsewhere was never rounded.
    const alien = findSites(program(`${INPUTS}\n in t: f32[T,64]${second}\n -> y2`));
    expect(alien.sites).toEqual([]);
    expect(alien.misses).toMatchObject([{ reason: expect.stringContaining('is in f32') }]);
  });

  it('drops the quantiser when its inside escapes', () => {
    const graph = program(`${CHAIN}
      c: f32[T,64] = prims.convert_element_type.default(y, f32)
      u: f32[T,64] = aten.div.Tensor(c, g)
      hi: f32[T,64] = aten.clamp.default(u, -448.0, 448.0)
      q: f8e4m3fn[T,64] = prims.convert_element_type.default(hi, f8e4m3fn)
      -> q, hi, s`);
    expect(onlySite(graph).pattern).toBe('ar_add_rms');
  });

  it('does not merge when one result escapes', () => {
    const graph = program(`${INPUTS}
      in x2: bf16[T,64]${reduce('x', 'a')}${reduce('x2', 'b')}
      t: bf16[T,64] = aten.add.Tensor(a, b)
      s: bf16[T,64] = aten.add.Tensor(r, t)${rms('s', 'y')}
      z: bf16[T,64] = aten.relu.default(a)
      -> y, s, z`);
    const { sites, misses } = findSites(graph);
    expect(sites).toEqual([]);
    expect(misses).toHaveLength(2);
    expect(misses.some(({ phase, reason }) => phase === 'use' && reason.includes('`z`'))).toBe(
      true,
    );
  });
});

describe('check', () => {
  it.each([
    [
      'an f32 result',
      `${INPUTS}\n in w32: f32[64]${reduce('x', 'a')}
      c: f32[T,64] = aten.to.dtype(a, f32)
      p: f32[T,64] = aten.pow.Tensor_Scalar(c, 2)
      m: f32[T,1] = aten.mean.dim(p, [-1], True)
      e: f32[T,1] = aten.add.Tensor(m, 1e-05)
      v: f32[T,1] = aten.rsqrt.default(e)
      n: f32[T,64] = aten.mul.Tensor(c, v)
      y: f32[T,64] = aten.mul.Tensor(n, w32)
      -> y`,
      'in f32',
    ],
    [
      'a residual of another dtype',
      `${INPUTS}\n in r16: f16[T,64]${reduce('x', 'a')}\n y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r16, w, 1e-05)\n -> y, s`,
      'is in f16',
    ],
    [
      'a residual that is broadcast',
      `${INPUTS}\n in r1: bf16[1,64]${reduce('x', 'a')}\n s: bf16[T,64] = aten.add.Tensor(a, r1)${rms('s', 'y')}\n -> y, s`,
      'broadcast',
    ],
    [
      'f64',
      `in x: f64[T,64]\n in w: f64[64]\n a: f64[T,64] = vllm.all_reduce.default(x, 'tp')\n y: f64[T,64] = vllm_ir.rms_norm.default(a, w, 1e-05)\n -> y`,
      'f64',
    ],
    [
      'a row length that varies',
      `in x: bf16[T,H]\n in w: bf16[H]\n a: bf16[T,H] = vllm.all_reduce.default(x, 'tp')\n y: bf16[T,H] = vllm_ir.rms_norm.default(a, w, 1e-05)\n -> y`,
      'not a constant',
    ],
    [
      'another normalised shape',
      `${INPUTS}${reduce('x', 'a')}\n y: bf16[T,64] = aten.rms_norm.default(a, [32], w, 1e-05)\n -> y`,
      'rows of 32 elements',
    ],
    [
      'a reader before an input exists',
      `${INPUTS}${reduce('x', 'a')}
      z: bf16[T,64] = aten.relu.default(a)
      q: bf16[T,64] = aten.neg.default(z)
      s: bf16[T,64] = aten.add.Tensor(a, q)${rms('s', 'y')}
      -> y, s`,
      '`z` reads `a` before `q`',
    ],
    [
      'a collective of the group between',
      `${INPUTS}${reduce('x', 'a')}
      q: bf16[T,64] = _c10d_functional.all_gather_into_tensor.default(r, 1, '0')
      s: bf16[T,64] = aten.add.Tensor(a, q)${rms('s', 'y')}
      -> y, s`,
      'past `q`',
    ],
    [
      'a write to an input between',
      `${INPUTS}
      z: bf16[T,64] = aten.relu.default(x)${reduce('z', 'a')}
      o: bf16[T,64] = aten.zero_.default(z)
      q: bf16[T,64] = aten.neg.default(r)
      s: bf16[T,64] = aten.add.Tensor(a, q)${rms('s', 'y')}
      -> y, s`,
      'changes `z` in place',
    ],
  ])('%s', (_, text, words) => {
    const miss = onlyMiss(program(text));
    expect(miss.phase).toBe('check');
    expect(miss.reason).toContain(words);
    expect(miss.reason).toMatch(/^[A-Z`].*\.$/);
  });

  it('passes a collective of another group', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a', 'tp')}
      q: bf16[T,64] = _c10d_functional.all_gather_into_tensor.default(r, 1, 'ep')
      s: bf16[T,64] = aten.add.Tensor(a, q)${rms('s', 'y')}
      -> y, s`);
    const site = onlySite(graph);
    expect(graph.node(site.anchor).name).toBe('s');
  });

  it('points readers of a shape at an input of the same type', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      t: none = aten.sym_size.int(a, 0)
      s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}
      -> y, s, t`);
    const site = onlySite(graph);
    expect(site.outputs.map(({ output }) => output)).toEqual(['residual', 'norm']);
    expect(site.shapeReaders).toEqual([
      {
        node: graph.nodeByName('t')!.id,
        value: graph.result(graph.nodeByName('a')!)!.id,
        like: graph.inputs[0],
      },
    ]);
  });
});

it('gives every all-reduce exactly one place', () => {
  const graph = program(`${CHAIN}
    in x2: bf16[T,64]${reduce('x2', 'b', '0', 'max')}
    vllm.moe_forward(x, r)
    -> y, s, b`);
  const { sites, misses, allReduces, opaque } = findSites(graph);
  const placed = [
    ...sites.flatMap((site) => site.allReduces),
    ...misses.map(({ allReduce }) => allReduce),
  ];
  expect(placed.sort()).toEqual([...allReduces].sort());
  expect(opaque).toHaveLength(1);
});
