import { type IoDType, isIoDType, type NumericsRecord, SITE_OUTPUTS } from '@arfuse/contract';
import { type Dim, mul, type NodeId, sym, type ValueId } from '@arfuse/graph';
import type { Miss, SiteMatch } from '../matching.ts';
import type { Lifted } from '../spellings/lifted.ts';
import { cover, type Reading } from './cover.ts';
import { layerOf } from './layer.ts';
import { numericsOf } from './numerics.ts';
import { patternName } from './pattern-name.ts';
import { placeOf } from './place.ts';
import type { Walk } from './walk.ts';

/** A site that stands by itself, and what it needs of its neighbours. */
export interface Draft {
  readonly site: SiteMatch;
  /** The f32 residual that it reads, where an Inductor pass has dropped the rounding between two sites. */
  readonly carriedIn: ValueId | undefined;
  /** Readers of its unrounded sum outside of it. */
  readonly carriedOut: readonly Reading[];
}

export type Attempt =
  | { readonly draft: Draft }
  | { readonly miss: Omit<Miss, 'allReduce'>; readonly late?: boolean };

const refuse = (phase: Miss['phase'], node: NodeId, reason: string, late = false): Attempt => ({
  miss: { phase, node, reason },
  late,
});

/** Checks every condition under which the fused form may stand in for the chain, and builds the site. */
export function draft(walk: Walk, lifted: Lifted): Attempt {
  const { graph, flow } = lifted;
  const own = walk.allReduces.at(-1)!;
  const norm = walk.norm!;
  const hidden = flow.lastDim(own.input) ?? norm.hidden;
  if (hidden === undefined)
    return refuse(
      'check',
      own.node,
      `the row length of \`${nameOf(own.input)}\` is not a constant in this graph.`,
    );
  for (const op of [walk.preNorm, norm]) {
    if (op?.hidden !== undefined && op.hidden !== hidden) {
      return refuse(
        'check',
        op.node,
        `\`${graph.node(op.node).name}\` norms rows of ${op.hidden} elements, the all-reduce has rows of ${hidden}.`,
      );
    }
  }
  const dtype = flow.dtype(own.outputs[0]!) ?? flow.dtype(norm.output);
  if (dtype === undefined || !isIoDType(dtype))
    return refuse(
      'check',
      own.node,
      `the all-reduce is in ${dtype ?? 'a dtype that the graph does not state'}; sites are in bf16, f16 or f32.`,
    );
  for (const [op, value] of [
    [walk.preNorm, walk.preNorm?.output],
    [norm, norm.output],
  ] as const) {
    const found = value === undefined ? undefined : flow.dtype(value);
    if (op && found !== undefined && found !== dtype) {
      return refuse(
        'check',
        op.node,
        `\`${nameOf(value!)}\` is the normed value in ${found}, the all-reduce is in ${dtype}.`,
      );
    }
  }

  const region = cover(walk, lifted);
  const escape = region.escapes[0];
  if (escape) {
    const value = nameOf(escape.value);
    const who =
      escape.by === null ? 'the program returns' : `\`${graph.node(escape.by).name}\` also reads`;
    const what = escape.wide ? ', the sum before it is rounded' : '';
    return refuse(
      'use',
      escape.by ?? escape.node,
      `${who} \`${value}\`${what}, which lies inside the chain and which no fused form produces.`,
    );
  }
  const inputs = { partials: region.partials, ...region.inputs };
  const { residual } = region.inputs;
  if (residual !== undefined) {
    const problem = residualProblem(residual, own.input, dtype, lifted);
    if (problem) return refuse('check', walk.last, problem);
  }
  const place = placeOf(region, walk, lifted);
  if ('reason' in place) return refuse('check', place.node, place.reason, place.late);

  const stages = walk.stages;
  const numerics: NumericsRecord = numericsOf({
    norm: { eps: norm.eps, weightDtype: norm.weightDtype, weightBias: norm.weightBias },
    quant: walk.quant?.attributes,
    normInput: normInput(walk, lifted),
    weightMultiply: norm.weightMultiply,
    preNormWeightMultiply: walk.preNorm?.weightMultiply ?? null,
    quantInput: walk.quantInput ?? null,
    nan: walk.quant?.nan ?? 'propagate',
  });
  const outputs: SiteMatch['outputs'] = region.outputs
    .filter(({ output }) => SITE_OUTPUTS.includes(output))
    .sort((a, b) => SITE_OUTPUTS.indexOf(a.output) - SITE_OUTPUTS.indexOf(b.output));
  const layer = layerOf(graph, flow, norm.weight);
  const wideResidual =
    residual !== undefined && flow.dtype(residual) !== undefined && flow.dtype(residual) !== dtype;
  const site: SiteMatch = {
    pattern: patternName(stages),
    stages,
    numerics,
    hidden,
    dtype: dtype satisfies IoDType,
    rows: rowsOf(own.input, lifted),
    group: own.group,
    allReduces: walk.allReduces.map((op) => op.node),
    inputs,
    outputs,
    covered: region.covered,
    anchor: place.anchor,
    ...(region.shapeReaders.length === 0 ? {} : { shapeReaders: region.shapeReaders }),
    ...(wideResidual || region.carried.length > 0 ? { carriedResidual: true } : {}),
    ...(layer === undefined ? {} : { layer }),
  };
  return {
    draft: { site, carriedIn: wideResidual ? residual : undefined, carriedOut: region.carried },
  };

  function nameOf(value: ValueId): string {
    return graph.value(value).name;
  }
}

function normInput(walk: Walk, { flow }: Lifted): 'rounded' | 'unrounded' {
  if (walk.norm?.op === 'norm.add_rms') return walk.norm.normInput;
  return walk.wideSum !== undefined && walk.norm?.x === flow.root(walk.wideSum)
    ? 'unrounded'
    : 'rounded';
}

/** Why a value cannot be the residual of a site, or undefined. An f32 residual is judged with its neighbours. */
function residualProblem(
  residual: ValueId,
  partial: ValueId,
  dtype: IoDType,
  { graph, flow }: Lifted,
): string | undefined {
  const { name, type } = graph.value(residual);
  const found = flow.dtype(residual);
  if (found !== undefined && found !== dtype && !(found === 'f32'))
    return `the residual \`${name}\` is in ${found}, the all-reduce in ${dtype}.`;
  const rows = graph.shape(partial);
  if (type?.kind !== 'tensor' || !rows) return undefined;
  const last = type.shape.at(-1);
  if (last !== undefined && last !== rows.at(-1))
    return `the residual \`${name}\` has rows of another length than the all-reduce.`;
  const count = (shape: readonly Dim[]): Dim => mul(...shape.slice(0, -1));
  const own = count(rows);
  const other = count(type.shape);
  const fixed = (dim: Dim): boolean => typeof dim !== 'object';
  if (fixed(other) && (fixed(own) ? other !== own : other === 1))
    return `the residual \`${name}\` is broadcast over the rows of the all-reduce.`;
  return undefined;
}

/** Rows of the all-reduce: the product of all dimensions but the last. */
function rowsOf(partial: ValueId, { graph }: Lifted): Dim {
  const shape = graph.shape(partial);
  return shape ? mul(...shape.slice(0, -1)) : sym('rows');
}
