import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Backend } from '@arfuse/contract';
import { flashinfer } from '@arfuse/flashinfer';
import type { Graph } from '@arfuse/graph';
import { symmMem } from '@arfuse/symm-mem';
import { INPUTS, reduce, rms } from '../../../patterns/test/chains.ts';
import { program } from '../../../patterns/test/program.ts';
import { type Plan, type PlanOptions, plan, readGraph } from '../../src/index.ts';

/** The captures of this repository. */
export const FIXTURES = new URL('../../../../fixtures/', import.meta.url);

/** Third-party captures, which stay outside the repository. */
export const SHARED = new URL(
  process.env.ARFUSE_SHARED_FIXTURES
    ? `file://${process.env.ARFUSE_SHARED_FIXTURES}/`
    : '../../../../../shared/fixtures/',
  import.meta.url,
);

export const hasShared = existsSync(fileURLToPath(SHARED));

export async function fixture(path: string, base = FIXTURES): Promise<Graph> {
  const { programs } = await readGraph(new URL(path, base));
  return programs[0]!.graph;
}

export const BACKENDS: readonly Backend[] = [flashinfer(), symmMem()];

export function planFor(graph: Graph, world = 2, options: Partial<PlanOptions> = {}): Plan {
  return plan(graph, { target: `h200-sxm,world=${world}`, use: BACKENDS, ...options });
}

const clampQuant = `
  lo: f32[T,64] = aten.clamp_min.default(u, -448.0)
  hi: f32[T,64] = aten.clamp_max.default(lo, 448.0)
  q: f8e4m3fn[T,64] = prims.convert_element_type.default(hi, f8e4m3fn)`;

const HEAD = `${INPUTS}${reduce('x', 'a')}
  s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}`;

const TO_FLOAT = '\n  c: f32[T,64] = prims.convert_element_type.default(y, f32)';

const TOKEN_SCALE = `${TO_FLOAT}
  d: bf16[T,64] = aten.abs.default(y)
  x0: bf16[T,1] = aten.amax.default(d, [-1], True)
  x1: f32[T,1] = prims.convert_element_type.default(x0, f32)
  x3: f32[T,1] = aten.div.Tensor(x1, 448.0)
  z: f32[T,1] = aten.clamp_min.default(x3, 4.359654017857143e-06)
  u: f32[T,64] = aten.div.Tensor(c, z)${clampQuant}`;

/** A Gemma norm: the weight plus one, multiplied before the down-cast. */
function gemma(from: string, to: string, weight = 'w'): string {
  return `
  ${to}_c: f32[T,64] = prims.convert_element_type.default(${from}, f32)
  ${to}_p: f32[T,64] = aten.pow.Tensor_Scalar(${to}_c, 2)
  ${to}_m: f32[T,1] = aten.mean.dim(${to}_p, [-1], True)
  ${to}_e: f32[T,1] = aten.add.Tensor(${to}_m, 1e-06)
  ${to}_r: f32[T,1] = aten.rsqrt.default(${to}_e)
  ${to}_n: f32[T,64] = aten.mul.Tensor(${to}_c, ${to}_r)
  ${to}_w: f32[64] = prims.convert_element_type.default(${weight}, f32)
  ${to}_g: f32[64] = aten.add.Tensor(${to}_w, 1.0)
  ${to}_k: f32[T,64] = aten.mul.Tensor(${to}_n, ${to}_g)
  ${to}: bf16[T,64] = prims.convert_element_type.default(${to}_k, bf16)`;
}

/** Small graphs of every kind of site, by what is special about them. */
export const TEXTS: Readonly<Record<string, string>> = {
  'AR+RMS, sum escaping': `${INPUTS}${reduce('x', 'a')}${rms('a', 'y')}
  -> y, a`,
  'AR+add+RMS': `${HEAD}
  -> y, s`,
  gemma: `${INPUTS}${reduce('x', 'a')}
  s: bf16[T,64] = aten.add.Tensor(r, a)${gemma('s', 'y')}
  -> y, s`,
  sandwich: `${INPUTS}
  in v: bf16[64]${reduce('x', 'a')}${gemma('a', 'b', 'v')}
  s: bf16[T,64] = aten.add.Tensor(r, b)${gemma('s', 'y')}
  -> y, s`,
  bias: `${INPUTS}
  in b: bf16[64]${reduce('x', 'a')}
  ab: bf16[T,64] = aten.add.Tensor(a, b)
  s: bf16[T,64] = aten.add.Tensor(r, ab)${rms('s', 'y')}
  -> y, s`,
  'scale after the all-reduce': `${INPUTS}${reduce('x', 'a')}
  as: bf16[T,64] = aten.mul.Tensor(a, 0.22)
  s: bf16[T,64] = aten.add.Tensor(r, as)${rms('s', 'y')}
  -> y, s`,
  merged: `${INPUTS}
  in x2: bf16[T,64]${reduce('x', 'a')}${reduce('x2', 'b')}
  ab: bf16[T,64] = aten.add.Tensor(a, b)
  s: bf16[T,64] = aten.add.Tensor(r, ab)${rms('s', 'y')}
  -> y, s`,
  'FP8 static': `${HEAD}${TO_FLOAT}
  i: f32[1] = aten.reciprocal.default(g)
  u: f32[T,64] = aten.mul.Tensor(c, i)${clampQuant}
  -> q, s`,
  'FP8 static, norm escaping': `${HEAD}${TO_FLOAT}
  u: f32[T,64] = aten.div.Tensor(c, g)${clampQuant}
  -> q, y, s`,
  'FP8 per token': `${HEAD}${TOKEN_SCALE}
  -> q, z, s`,
  'FP8 per token, norm escaping': `${HEAD}${TOKEN_SCALE}
  -> q, z, s, y`,
  'FP8 static kernel': `${HEAD}
  b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])
  _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)
  -> q, s`,
  'FP8 per group': `${HEAD}
  v: bf16[T,4,16] = aten.view.default(y, [-1, 4, 16])
  d: bf16[T,4,16] = aten.abs.default(v)
  x0: bf16[T,4,1] = aten.amax.default(d, [-1], True)
  x1: f32[T,4,1] = prims.convert_element_type.default(x0, f32)
  x2: f32[T,4,1] = aten.div.Tensor(x1, 448.0)
  z: f32[T,4,1] = aten.clamp_min.default(x2, 1e-10)
  u: f32[T,4,16] = aten.div.Tensor(v, z)
  lo: f32[T,4,16] = aten.clamp_min.default(u, -448.0)
  hi: f32[T,4,16] = aten.clamp_max.default(lo, 448.0)
  k: f8e4m3fn[T,4,16] = prims.convert_element_type.default(hi, f8e4m3fn)
  -> k, z, s`,
  NVFP4: `${HEAD}
  b: u8[T,32] = aten.empty.memory_format([1])
  t: i32[T,1] = aten.empty.memory_format([1])
  _, q, z: none, u8[T,32], i32[T,1] = af _C.scaled_fp4_quant.out(input=y, input_scale=g, is_sf_swizzled_layout=False, output=b, output_scale=t)
  -> q, z, s, y`,
  'two sites': `${HEAD}
  m: bf16[T,64] = aten.relu.default(y)${reduce('m', 'a2')}
  s2: bf16[T,64] = aten.add.Tensor(s, a2)${rms('s2', 'y2')}
  k: bf16[T,64] = aten.relu.default(s2)
  -> y2, s2, k`,
  'two groups': `${INPUTS}${reduce('x', 'a')}
  s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}
  m: bf16[T,64] = aten.relu.default(y)${reduce('m', 'a2', '1')}
  s2: bf16[T,64] = aten.add.Tensor(s, a2)${rms('s2', 'y2')}
  -> y2, s2`,
};

/** The graph of a text; `dtype` takes the place of bf16. */
export function graphOf(name: string, dtype: 'bf16' | 'f16' | 'f32' = 'bf16'): Graph {
  return program(TEXTS[name]!.replaceAll('bf16', dtype));
}
