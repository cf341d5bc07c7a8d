import type {
  Evidence,
  IoDType,
  NumericsRecord,
  PatternName,
  QuantStage,
  SiteOutput,
  Stage,
  Target,
} from '@arfuse/contract';
import { type Graph, GraphBuilder, type NodeId, sym, type ValueId, valueArg } from '@arfuse/graph';
import type { Matching, SiteMatch } from '@arfuse/patterns';
import type { EvidenceSource } from '../src/evidence/index.ts';
import { parseTarget } from '../src/target/index.ts';

export const NORM = { kind: 'norm', eps: 1e-5, weightDtype: 'bf16', weightBias: 0 } as const;

export const FP8_STATIC: QuantStage = {
  kind: 'quant',
  scheme: 'fp8_static',
  outputDtype: 'f8e4m3fn',
  groupSize: null,
  scaleDtype: null,
  scaleFloor: null,
  scaleForm: 'reciprocal',
  scaleLayout: 'none',
};

export const FP8_GROUP: QuantStage = {
  kind: 'quant',
  scheme: 'fp8_group',
  outputDtype: 'f8e4m3fn',
  groupSize: 128,
  scaleDtype: 'f8e8m0fnu',
  scaleFloor: 1e-10,
  scaleForm: 'divide',
  scaleLayout: 'column_major_packed',
};

export const FP8_TOKEN: QuantStage = {
  kind: 'quant',
  scheme: 'fp8_token',
  outputDtype: 'f8e4m3fn',
  groupSize: null,
  scaleDtype: 'f32',
  scaleFloor: 1 / (512 * 448),
  scaleForm: 'divide',
  scaleLayout: 'row_major',
};

export const NVFP4: QuantStage = {
  kind: 'quant',
  scheme: 'nvfp4',
  outputDtype: 'f4e2m1fnx2',
  groupSize: 16,
  scaleDtype: 'f8e4m3fn',
  scaleFloor: null,
  scaleForm: 'reciprocal',
  scaleLayout: 'swizzled_128x4',
};

/** Chains by pattern, as the matcher describes them. */
export const CHAINS: Readonly<Record<string, readonly Stage[]>> = {
  ar_rms: [{ kind: 'all_reduce' }, NORM],
  ar_add_rms: [{ kind: 'all_reduce' }, { kind: 'residual', factor: null }, NORM],
  ar_prepost: [
    { kind: 'all_reduce' },
    { kind: 'pre_norm', eps: 1e-6, weightDtype: 'bf16', weightBias: 1, weightMultiply: 'before' },
    { kind: 'residual', factor: null },
    { kind: 'norm', eps: 1e-6, weightDtype: 'bf16', weightBias: 1 },
  ],
  merged: [{ kind: 'merge' }, { kind: 'all_reduce' }, { kind: 'residual', factor: null }, NORM],
  bias: [
    { kind: 'all_reduce' },
    { kind: 'bias', dtype: 'bf16' },
    { kind: 'residual', factor: null },
    NORM,
  ],
  scale: [{ kind: 'all_reduce' }, { kind: 'residual', factor: 0.22 }, NORM],
  ar_add_rms_fp8_static: [
    { kind: 'all_reduce' },
    { kind: 'residual', factor: null },
    NORM,
    FP8_STATIC,
  ],
  ar_add_rms_fp8_group: [
    { kind: 'all_reduce' },
    { kind: 'residual', factor: null },
    NORM,
    FP8_GROUP,
  ],
  ar_add_rms_fp8_token: [
    { kind: 'all_reduce' },
    { kind: 'residual', factor: null },
    NORM,
    FP8_TOKEN,
  ],
  ar_add_rms_nvfp4: [{ kind: 'all_reduce' }, { kind: 'residual', factor: null }, NORM, NVFP4],
};

export function numericsOf(
  stages: readonly Stage[],
  change: Partial<NumericsRecord> = {},
): NumericsRecord {
  const norm = stages.find((stage) => stage.kind === 'norm');
  const preNorm = stages.find((stage) => stage.kind === 'pre_norm');
  const quant = stages.find((stage) => stage.kind === 'quant');
  return {
    accumulate: 'unspecified',
    reduceOrder: 'unspecified',
    hopRounding: 'unspecified',
    allReduceRounded: true,
    normInput: 'rounded',
    weightMultiply: 'after',
    weightBias: norm?.kind === 'norm' ? norm.weightBias : 0,
    weightDtype: norm?.kind === 'norm' ? norm.weightDtype : null,
    preNormWeightMultiply: preNorm?.kind === 'pre_norm' ? preNorm.weightMultiply : null,
    quantInput: quant ? 'rounded' : null,
    scaleFloor: quant?.kind === 'quant' ? quant.scaleFloor : null,
    scaleForm: quant?.kind === 'quant' ? quant.scaleForm : null,
    scaleLayout: quant?.kind === 'quant' ? quant.scaleLayout : null,
    nan: quant?.kind === 'quant' && quant.scheme !== 'fp8_static' ? 'lost' : 'propagate',
    geometryInvariant: true,
    mergedPartials: false,
    ...change,
  };
}

export interface SampleSite {
  readonly chain: string;
  readonly hidden?: number;
  readonly dtype?: IoDType;
  readonly group?: string;
  readonly numerics?: Partial<NumericsRecord>;
  readonly outputs?: readonly SiteOutput[];
}

function patternOf(stages: readonly Stage[]): PatternName {
  const has = (kind: string): boolean => stages.some((stage) => stage.kind === kind);
  const quant = stages.find((stage) => stage.kind === 'quant');
  const chain = has('pre_norm') ? 'ar_prepost' : has('residual') ? 'ar_add_rms' : 'ar_rms';
  return quant?.kind === 'quant' ? `${chain}_${quant.scheme}` : chain;
}

/** A graph with one all-reduce (two when merged) and one opaque chain per site, and its matching, made by hand. */
export function sample(
  sites: readonly SampleSite[],
  plain: readonly { hidden: number; group?: string }[] = [],
): {
  graph: Graph;
  matching: Matching;
} {
  const builder = new GraphBuilder({ format: 'arfuse', level: 'aten' });
  const matches: SiteMatch[] = [];
  const allReduces: NodeId[] = [];
  const groups: string[] = [];
  const seen = (group: string): string => {
    if (!groups.includes(group)) groups.push(group);
    return group;
  };
  const tensor = (hidden: number, dtype: IoDType) =>
    ({ kind: 'tensor', dtype, shape: [sym('s0'), hidden] }) as const;
  const reduce = (
    name: string,
    hidden: number,
    dtype: IoDType,
    group: string,
  ): { input: ValueId; node: NodeId; output: ValueId } => {
    const type = tensor(hidden, dtype);
    const input = builder.input(`${name}_in`, type);
    const node = builder.node({
      name,
      op: '_c10d_functional.all_reduce.default',
      args: [valueArg(input), { kind: 'string', value: 'sum' }, { kind: 'string', value: group }],
      results: { kind: 'one', type },
    });
    allReduces.push(node);
    return { input, node, output: builder.result(node) };
  };
  sites.forEach(({ chain, hidden = 4096, dtype = 'bf16', group = 'tp', numerics, outputs }, i) => {
    const stages = CHAINS[chain]!;
    seen(group);
    const type = tensor(hidden, dtype);
    const parts = (stages[0]!.kind === 'merge' ? ['a', 'b'] : ['']).map((suffix) =>
      reduce(`ar${i}${suffix}`, hidden, dtype, group),
    );
    const names: readonly SiteOutput[] =
      outputs ??
      (stages.some((stage) => stage.kind === 'quant')
        ? ['residual', 'quant']
        : stages.some((stage) => stage.kind === 'residual')
          ? ['residual', 'norm']
          : ['norm']);
    const node = builder.node({
      name: `tail${i}`,
      op: 'test.tail.default',
      args: parts.map(({ output }) => valueArg(output)),
      results: {
        kind: 'list',
        items: names.map((output) => ({ name: `tail${i}_${output}`, type })),
      },
    });
    const values = names.map((output, k) => builder.item(node, k, `tail${i}_${output}`, type));
    matches.push({
      pattern: patternOf(stages),
      stages,
      numerics: numericsOf(stages, numerics),
      hidden,
      dtype,
      rows: sym('s0'),
      group,
      allReduces: parts.map((part) => part.node),
      inputs: { partials: parts.map((part) => part.input) },
      outputs: names.map((output, k) => ({ output, value: values[k]! })),
      covered: [...parts.map((part) => part.node), node],
      anchor: node,
      layer: `layers.${i}`,
    });
  });
  const misses = plain.map(({ hidden, group = 'tp' }, i) => {
    seen(group);
    const { node } = reduce(`plain${i}`, hidden, 'bf16', group);
    return {
      allReduce: node,
      phase: 'structure',
      node,
      reason: `plain${i} is read by nothing.`,
    } as const;
  });
  const graph = builder.finish();
  return {
    graph,
    matching: { sites: matches, misses, alreadyFused: [], allReduces, groups } as Matching,
  };
}

export const H200_2: Target = parseTarget('h200-sxm,world=2');

/** Times by kernel list: a function from tokens to microseconds, or undefined where nothing was measured. */
export function sourceOf(
  times: Readonly<Record<string, (tokens: number) => number | undefined>>,
  edges: readonly number[] = [],
): EvidenceSource {
  return {
    tables: [{ name: 'test', version: '1.0.0' }],
    find: (_, { kernels }, { tokens }, kinds): Evidence | undefined => {
      const us = times[kernels.join(' + ')]?.(tokens);
      if (us === undefined || !kinds.includes('measured')) return undefined;
      return { kind: 'measured', table: 'test@1.0.0', us, note: 'made up for a test.' };
    },
    edges: () => edges,
    measured: () => Object.keys(times).map((list) => ({ kernels: list.split(' + ') })),
  };
}
