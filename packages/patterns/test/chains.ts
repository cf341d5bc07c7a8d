import type { Graph } from '@arfuse/graph';
import { findSites, type Matching, type SiteMatch } from '../src/index.ts';

/** Declarations that most test graphs share: rows of 64 bf16 elements. */
export const INPUTS = `
  in x: bf16[T,64]
  in r: bf16[T,64]
  in w: bf16[64]
  in g: f32[1]
`;

/** An ATen RMSNorm of `from` into `to`, weight after the down-cast. */
export function rms(from: string, to: string, weight = 'w', eps = '1e-05'): string {
  return `
  ${to}_c: f32[T,64] = prims.convert_element_type.default(${from}, f32)
  ${to}_p: f32[T,64] = aten.pow.Tensor_Scalar(${to}_c, 2)
  ${to}_m: f32[T,1] = aten.mean.dim(${to}_p, [-1], True)
  ${to}_e: f32[T,1] = aten.add.Tensor(${to}_m, ${eps})
  ${to}_r: f32[T,1] = aten.rsqrt.default(${to}_e)
  ${to}_n: f32[T,64] = aten.mul.Tensor(${to}_c, ${to}_r)
  ${to}_h: bf16[T,64] = prims.convert_element_type.default(${to}_n, bf16)
  ${to}: bf16[T,64] = aten.mul.Tensor(${weight}, ${to}_h)`;
}

/** A functional all-reduce of `from` into `to`, with its wait. */
export function reduce(from: string, to: string, group = '0', op = 'sum'): string {
  return `
  ${to}_ar: bf16[T,64] = _c10d_functional.all_reduce.default(${from}, '${op}', '${group}')
  ${to}: bf16[T,64] = _c10d_functional.wait_tensor.default(${to}_ar)`;
}

/** The commonest chain: all-reduce, residual add, norm. */
export const CHAIN = `${INPUTS}${reduce('x', 'a')}
  s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}
`;

/** A site in words that tests compare. */
export function describe(graph: Graph, site: SiteMatch): Record<string, unknown> {
  return {
    pattern: site.pattern,
    stages: site.stages,
    outputs: site.outputs.map(({ output, value }) => `${output}:${graph.value(value).name}`),
    inputs: Object.fromEntries(
      Object.entries(site.inputs).map(([name, value]) => [
        name,
        typeof value === 'number'
          ? graph.value(value).name
          : value.map((id) => graph.value(id).name),
      ]),
    ),
    numerics: site.numerics,
  };
}

/** The only site of a graph. */
export function onlySite(graph: Graph): SiteMatch {
  const { sites, misses } = findSites(graph);
  if (sites.length !== 1)
    throw new Error(
      `expected one site, found ${sites.length}: ${misses.map(({ reason }) => reason).join(' ')}`,
    );
  return sites[0]!;
}

/** What must stay when a graph is written in another way. */
export function essence(matching: Matching): unknown {
  return {
    sites: matching.sites.map(({ pattern, stages, numerics, hidden, dtype, group, outputs }) => ({
      pattern,
      stages,
      numerics,
      hidden,
      dtype,
      group,
      outputs: [...new Set(outputs.map(({ output }) => output))],
    })),
    misses: matching.misses.map(({ phase }) => phase),
  };
}
