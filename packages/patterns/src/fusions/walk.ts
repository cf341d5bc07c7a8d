import type {
  DType,
  PreNormStage,
  ResidualStage,
  SiteOutput,
  Stage,
  StageKind,
} from '@arfuse/contract';
import { type NodeId, opBase, type ValueId } from '@arfuse/graph';
import { valueOf } from '../flow/args.ts';
import type { AddRmsOp, AllReduceOp, QuantOp, RmsOp } from '../spellings/canonical.ts';
import { type Binary, binaryOf, withConstant } from '../spellings/elementwise.ts';
import type { Lifted } from '../spellings/lifted.ts';

/** How far a chain has been followed, and what it has collected. */
export interface Walk {
  /** Data that the next step reads. */
  readonly value: ValueId;
  readonly stages: readonly Stage[];
  readonly allReduces: readonly AllReduceOp[];
  readonly covered: readonly NodeId[];
  readonly side: readonly NodeId[];
  /** Values that a fused form produces. */
  readonly exports: Readonly<Partial<Record<SiteOutput, readonly ValueId[]>>>;
  readonly inputs: Readonly<
    Partial<Record<'residual' | 'weight' | 'bias' | 'preNormWeight' | 'scale', ValueId>>
  >;
  /** A whole add+norm op whose addition has been taken as the residual step. */
  readonly pending?: AddRmsOp;
  readonly norm?: RmsOp | AddRmsOp;
  readonly preNorm?: RmsOp;
  readonly quant?: QuantOp;
  readonly quantInput?: 'rounded' | 'unrounded';
  /** The f32 sum, when the addition does not round to the activation dtype. */
  readonly wideSum?: ValueId;
  /** The node at which the last stage was found. */
  readonly last: NodeId;
}

/** Everything that a step may look at. */
export interface WalkContext {
  readonly lifted: Lifted;
  readonly dtype: DType | undefined;
  readonly hidden: number | undefined;
}

/** The chain before its first step: the all-reduce and its waits. */
export function start(op: AllReduceOp, lifted: Lifted): Walk | undefined {
  const [first, ...also] = op.outputs;
  if (first === undefined) return undefined;
  const held = reduced(op, lifted, also);
  return {
    value: lifted.flow.root(first),
    stages: [{ kind: 'all_reduce' }],
    allReduces: [op],
    covered: held.nodes,
    side: op.side,
    exports: { all_reduce: held.values },
    inputs: {},
    last: op.node,
  };
}

/** The nodes that make a reduced value ready, and the values that hold it. */
function reduced(
  op: AllReduceOp,
  { graph, flow }: Lifted,
  also: readonly ValueId[],
): { nodes: NodeId[]; values: ValueId[] } {
  const nodes = [...op.covered];
  const values: ValueId[] = [];
  for (const member of flow.dataOf(op.outputs[0]!, also).members) {
    const node = graph.producer(member);
    if (node && opBase(node.op).endsWith('.wait_tensor')) {
      nodes.push(node.id);
      values.push(member);
    }
  }
  return { nodes, values: [...values, ...op.outputs] };
}

/** All ways of taking one more stage. */
export function extend(
  walk: Walk,
  stage: Exclude<StageKind, 'all_reduce'>,
  context: WalkContext,
): Walk[] {
  switch (stage) {
    case 'merge':
      return merge(walk, context);
    case 'bias':
      return bias(walk, context);
    case 'scale':
      return scale(walk, context);
    case 'pre_norm':
      return preNorm(walk, context);
    case 'residual':
      return [...addedOps(walk, context), ...addedValues(walk, context)];
    case 'norm':
      return norm(walk, context);
    case 'quant':
      return quant(walk, context);
  }
}

interface Operand {
  readonly binary: Binary;
  /** The operand that is not the walk's value. */
  readonly other: ValueId | undefined;
  readonly wide: boolean;
}

function binaries(walk: Walk, { lifted }: WalkContext): Operand[] {
  const { graph, flow } = lifted;
  const found: Operand[] = [];
  for (const reader of flow.dataOf(walk.value).readers) {
    const binary = binaryOf(graph, reader.node ?? undefined);
    if (!binary) continue;
    const left = valueOf(binary.left);
    const right = valueOf(binary.right);
    if (left === right) continue;
    found.push({ binary, other: left === reader.value ? right : left, wide: reader.wide });
  }
  return found;
}

function merge(walk: Walk, context: WalkContext): Walk[] {
  const { lifted } = context;
  const own = walk.allReduces[0]!;
  if (walk.stages.length !== 1) return [];
  return binaries(walk, context).flatMap(({ binary, other, wide }): Walk[] => {
    const partner = other === undefined ? undefined : lifted.reducedBy(other);
    if (
      binary.kind !== 'add' ||
      binary.alpha !== 1 ||
      wide ||
      !partner ||
      partner === own ||
      other === undefined
    )
      return [];
    // The later of the two owns the pair, so that each pair is found once.
    const { graph, flow } = lifted;
    if (graph.position(partner.node) > graph.position(own.node)) return [];
    if (
      partner.group !== own.group ||
      partner.reduce !== 'sum' ||
      !keepsDtype(binary.output, context)
    )
      return [];
    const held = reduced(partner, lifted, partner.outputs.slice(1));
    return [
      {
        ...walk,
        value: flow.root(binary.output),
        stages: [{ kind: 'merge' }, { kind: 'all_reduce' }],
        allReduces: [partner, own],
        covered: [...walk.covered, ...held.nodes, binary.node.id],
        side: [...walk.side, ...partner.side, ...readPaths(binary, context)],
        exports: { all_reduce: [binary.output] },
        last: binary.node.id,
      },
    ];
  });
}

function bias(walk: Walk, context: WalkContext): Walk[] {
  const { flow } = context.lifted;
  if (has(walk, 'bias')) return [];
  return binaries(walk, context).flatMap(({ binary, other, wide }): Walk[] => {
    if (binary.kind !== 'add' || binary.alpha !== 1 || wide || other === undefined) return [];
    if (!flow.isVector(other, context.hidden) || !keepsDtype(binary.output, context)) return [];
    const value = flow.root(other);
    const dtype = flow.dtype(value) ?? context.dtype;
    if (dtype === undefined) return [];
    return [next(walk, binary, { kind: 'bias', dtype }, { bias: value }, context)];
  });
}

function scale(walk: Walk, context: WalkContext): Walk[] {
  if (has(walk, 'scale')) return [];
  return binaries(walk, context).flatMap(({ binary, wide }): Walk[] => {
    const factor = wide ? undefined : constantFactor(binary);
    if (factor === undefined || !keepsDtype(binary.output, context)) return [];
    return [next(walk, binary, { kind: 'scale', factor }, {}, context)];
  });
}

/** The literal factor of a product, or of a quotient by a power of two, whose reciprocal is exact. */
function constantFactor(binary: Binary): number | undefined {
  const product = withConstant(binary, 'mul');
  if (product) return product.constant;
  const divisor =
    valueOf(binary.right) === undefined ? withConstant(binary, 'div')?.constant : undefined;
  return divisor !== undefined && divisor !== 0 && Number.isInteger(Math.log2(Math.abs(divisor)))
    ? 1 / divisor
    : undefined;
}

/** An elementwise step: its result takes the place of the reduced value. */
function next(
  walk: Walk,
  binary: Binary,
  stage: Stage,
  inputs: Walk['inputs'],
  context: WalkContext,
): Walk {
  return {
    ...walk,
    value: context.lifted.flow.root(binary.output),
    stages: [...walk.stages, stage],
    covered: [...walk.covered, binary.node.id],
    side: [...walk.side, ...readPaths(binary, context)],
    exports: { all_reduce: [binary.output] },
    inputs: { ...walk.inputs, ...inputs },
    last: binary.node.id,
  };
}

function preNorm(walk: Walk, { lifted }: WalkContext): Walk[] {
  return lifted.norms(walk.value).flatMap((op): Walk[] => {
    if (op.op !== 'norm.rms') return [];
    const stage: PreNormStage = {
      kind: 'pre_norm',
      eps: op.eps,
      weightDtype: op.weightDtype,
      weightBias: op.weightBias,
      weightMultiply: op.weightMultiply,
    };
    return [
      {
        ...walk,
        value: lifted.flow.root(op.output),
        stages: [...walk.stages, stage],
        preNorm: op,
        covered: [...walk.covered, ...op.covered],
        side: [...walk.side, ...op.side],
        exports: { ...walk.exports, pre_norm: [op.output] },
        inputs: { ...walk.inputs, ...(op.weight === null ? {} : { preNormWeight: op.weight }) },
        last: op.node,
      },
    ];
  });
}

/** The addition inside an op that adds and norms. */
function addedOps(walk: Walk, { lifted }: WalkContext): Walk[] {
  return lifted.norms(walk.value).flatMap((op): Walk[] => {
    if (op.op !== 'norm.add_rms') return [];
    const residual = op.x === lifted.flow.root(walk.value) ? op.residual : op.x;
    if (residual === lifted.flow.root(walk.value)) return [];
    return [
      {
        ...walk,
        stages: [...walk.stages, { kind: 'residual', factor: null }],
        pending: op,
        covered: [...walk.covered, ...op.covered],
        side: [...walk.side, ...op.side],
        exports: { ...walk.exports, ...(op.sum === undefined ? {} : { residual: [op.sum] }) },
        inputs: { ...walk.inputs, residual },
        last: op.node,
      },
    ];
  });
}

function addedValues(walk: Walk, context: WalkContext): Walk[] {
  const { lifted } = context;
  const { flow } = lifted;
  return binaries(walk, context).flatMap(({ binary, other }): Walk[] => {
    if (
      binary.kind !== 'add' ||
      binary.alpha !== 1 ||
      other === undefined ||
      flow.isVector(other, context.hidden)
    )
      return [];
    if (joinsGroups(walk, other, context)) return [];
    const residual = factored(other, context);
    const stage: ResidualStage = { kind: 'residual', factor: residual.factor };
    const sum = flow.root(binary.output);
    const wide =
      flow.dtype(sum) === 'f32' && context.dtype !== undefined && context.dtype !== 'f32';
    const casts = wide ? narrowed(sum, context) : [];
    const added: Walk = {
      ...walk,
      value: sum,
      stages: [...walk.stages, stage],
      covered: [
        ...walk.covered,
        binary.node.id,
        ...residual.nodes,
        ...casts.map(({ node }) => node),
      ],
      side: [...walk.side, ...readPaths(binary, context), ...residual.side],
      exports: {
        ...walk.exports,
        residual: wide ? casts.map(({ output }) => output) : [binary.output],
      },
      inputs: { ...walk.inputs, residual: residual.value },
      ...(wide ? { wideSum: sum } : {}),
      last: binary.node.id,
    };
    // The norm may read the f32 sum or the sum as it is stored.
    return wide
      ? [added, ...casts.map(({ output }) => ({ ...added, value: flow.root(output) }))]
      : [added];
  });
}

/** Whether the sum would merge the results of two groups, which are read nowhere else. */
function joinsGroups(walk: Walk, other: ValueId, { lifted }: WalkContext): boolean {
  const partner = lifted.reducedBy(other);
  if (!partner || partner.group === walk.allReduces[0]!.group) return false;
  const single = (value: ValueId): boolean => lifted.flow.dataOf(value).readers.length === 1;
  return single(walk.value) && single(partner.outputs[0]!);
}

/** `residual * constant`, when only the addition reads the product. */
function factored(
  other: ValueId,
  { lifted, dtype }: WalkContext,
): { value: ValueId; factor: number | null; nodes: NodeId[]; side: NodeId[] } {
  const { graph, flow } = lifted;
  const product = binaryOf(graph, graph.producer(flow.root(other)));
  const scaled = withConstant(product, 'mul');
  const single = product !== undefined && flow.dataOf(product.output).readers.length === 1;
  if (
    !scaled ||
    !product ||
    !single ||
    (dtype !== undefined && flow.dtype(product.output) !== dtype)
  )
    return { value: other, factor: null, nodes: [], side: [] };
  return {
    value: scaled.value,
    factor: scaled.constant,
    nodes: [product.node.id],
    side: flow.path(scaled.value),
  };
}

function narrowed(
  sum: ValueId,
  { lifted, dtype }: WalkContext,
): { output: ValueId; node: NodeId }[] {
  const { flow } = lifted;
  return flow.dataOf(sum).readers.flatMap(({ node, wide }) => {
    const cast = wide || !node ? undefined : flow.castOf(node);
    return cast && flow.dtype(cast.output) === dtype
      ? [{ output: cast.output, node: node!.id }]
      : [];
  });
}

function norm(walk: Walk, { lifted }: WalkContext): Walk[] {
  const { flow } = lifted;
  const ops = walk.pending
    ? [walk.pending]
    : lifted.norms(walk.value).filter((op) => op.op === 'norm.rms');
  return ops.map(
    (op): Walk => ({
      ...walk,
      value: flow.root(op.output),
      norm: op,
      stages: [
        ...walk.stages,
        { kind: 'norm', eps: op.eps, weightDtype: op.weightDtype, weightBias: op.weightBias },
      ],
      covered: [...walk.covered, ...op.covered],
      side: [...walk.side, ...op.side],
      exports: { ...walk.exports, norm: [op.output] },
      inputs: { ...walk.inputs, ...(op.weight === null ? {} : { weight: op.weight }) },
      last: op.node,
    }),
  );
}

function quant(walk: Walk, { lifted }: WalkContext): Walk[] {
  const found = (value: ValueId | undefined, quantInput: 'rounded' | 'unrounded'): Walk[] =>
    value === undefined
      ? []
      : lifted.quants(value).map(
          (op): Walk => ({
            ...walk,
            value: lifted.flow.root(op.output),
            quant: op,
            quantInput,
            stages: [...walk.stages, { kind: 'quant', ...op.attributes }],
            covered: [...walk.covered, ...op.covered],
            side: [...walk.side, ...op.side],
            exports: {
              ...walk.exports,
              quant: [op.output],
              ...(op.scaleOutput === undefined ? {} : { scale: [op.scaleOutput] }),
            },
            inputs: { ...walk.inputs, ...(op.scale === undefined ? {} : { scale: op.scale }) },
            last: op.node,
          }),
        );
  return [...found(walk.norm?.output, 'rounded'), ...found(walk.norm?.unrounded, 'unrounded')];
}

const has = (walk: Walk, kind: StageKind): boolean =>
  walk.stages.some((stage) => stage.kind === kind);

/** Whether an elementwise result is rounded to the activation dtype, as the stages say. */
function keepsDtype(output: ValueId, { lifted, dtype }: WalkContext): boolean {
  const found = lifted.flow.dtype(output);
  return found === undefined || dtype === undefined || found === dtype;
}

function readPaths(binary: Binary, { lifted }: WalkContext): NodeId[] {
  return [valueOf(binary.left), valueOf(binary.right)].flatMap((value) =>
    value === undefined ? [] : lifted.flow.path(value),
  );
}
