import type { DType, QuantAttributes } from '@arfuse/contract';
import type { Node, NodeId, ValueId } from '@arfuse/graph';
import { numberOf, numbersOf, valueOf } from '../flow/args.ts';
import { flowRole } from '../flow/look-through.ts';
import type { CanonicalOp, QuantOp } from './canonical.ts';
import { binaryOf, unaryName } from './elementwise.ts';
import { type LiftContext, rejected, type Spelling } from './spelling.ts';

const NAME = 'quant/fp8_native';

/** Largest finite value of the FP8 types. */
const LARGEST: Partial<Record<DType, number>> = {
  f8e4m3fn: 448,
  f8e4m3fnuz: 240,
  f8e5m2: 57344,
  f8e5m2fnuz: 57344,
};

/** Walks past views and widening casts, also views that split rows into groups. */
function behind(value: ValueId, { graph, flow }: LiftContext, side: NodeId[]): ValueId {
  let at = value;
  for (;;) {
    const node = graph.producer(at);
    const cast = flow.castOf(node);
    const through =
      node &&
      (flowRole(node.op) === 'view' ||
        flowRole(node.op) === 'same' ||
        (cast && !flow.isNarrowing(cast)));
    const input = through ? valueOf(node.args[0]) : undefined;
    if (!node || input === undefined) return at;
    side.push(node.id);
    at = input;
  }
}

/** Both bounds of a clamp, however it is written, and the clamped value. */
function clampOf(
  value: ValueId,
  context: LiftContext,
): { of: ValueId; low: number; high: number; nodes: NodeId[] } | undefined {
  const nodes: NodeId[] = [];
  let at = value;
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (;;) {
    const node: Node | undefined = context.graph.producer(context.flow.root(at));
    const name = unaryName(node);
    const input: ValueId | undefined = node && valueOf(node.args[0]);
    if (!node || input === undefined || !name?.startsWith('clamp')) break;
    const first = node.args[1] ?? node.kwargs.min;
    const second = node.args[2] ?? node.kwargs.max;
    if (name === 'clamp_min') low = Math.max(low, numberOf(first) ?? Number.NaN);
    else if (name === 'clamp_max')
      high = Math.min(high, numberOf(node.args[1] ?? node.kwargs.max) ?? Number.NaN);
    else {
      low = Math.max(low, numberOf(first) ?? Number.NEGATIVE_INFINITY);
      high = Math.min(high, numberOf(second) ?? Number.POSITIVE_INFINITY);
    }
    nodes.push(node.id);
    at = input;
  }
  return nodes.length === 0 || Number.isNaN(low) || Number.isNaN(high)
    ? undefined
    : { of: at, low, high, nodes };
}

interface Scaled {
  readonly of: ValueId;
  readonly scale: ValueId;
  readonly form: QuantAttributes['scaleForm'];
  readonly nodes: readonly NodeId[];
}

/** `x * reciprocal(scale)` or `x / scale`. */
function scaledOf(value: ValueId, { graph, flow }: LiftContext): Scaled[] {
  const binary = binaryOf(graph, graph.producer(flow.root(value)));
  const left = binary && valueOf(binary.left);
  const right = binary && valueOf(binary.right);
  if (!binary || left === undefined || right === undefined) return [];
  if (binary.kind === 'div')
    return [{ of: left, scale: right, form: 'divide', nodes: [binary.node.id] }];
  if (binary.kind !== 'mul') return [];
  return [
    [left, right],
    [right, left],
  ].flatMap(([of, inverse]): Scaled[] => {
    const node = graph.producer(flow.root(inverse!));
    if (!node) return [];
    const scale = unaryName(node) === 'reciprocal' ? valueOf(node.args[0]) : oneOver(node);
    return scale === undefined
      ? []
      : [{ of: of!, scale, form: 'reciprocal', nodes: [binary.node.id, node.id] }];
  });

  function oneOver(node: Node): ValueId | undefined {
    const quotient = binaryOf(graph, node);
    return quotient?.kind === 'div' && numberOf(quotient.left) === 1
      ? valueOf(quotient.right)
      : undefined;
  }
}

interface DynamicScale {
  /** The value whose largest element sets the scale. */
  readonly of: ValueId;
  readonly floor: number | null;
  readonly powers: boolean;
  readonly nodes: readonly NodeId[];
  readonly side: readonly NodeId[];
}

/** `clamp_min(amax(abs(x), -1) / 448, floor)`, with the steps that real programs leave out or swap. */
function dynamicScale(
  scale: ValueId,
  largest: number,
  context: LiftContext,
): DynamicScale | undefined {
  const { graph, flow } = context;
  const nodes: NodeId[] = [];
  const side: NodeId[] = [];
  let at = behind(scale, context, side);
  let floor: number | null = null;
  let powers = false;
  let divided = false;
  for (;;) {
    at = behind(at, context, side);
    const node = graph.producer(flow.root(at));
    if (!node) return undefined;
    const name = unaryName(node);
    const input = valueOf(node.args[0]);
    const ratio = binaryOf(graph, node);
    if (
      name === 'clamp_min' ||
      (name === 'clamp' && node.args[2] === undefined && node.kwargs.max === undefined)
    ) {
      const bound = numberOf(node.args[1] ?? node.kwargs.min);
      if (bound === undefined || input === undefined || floor !== null) return undefined;
      floor = divided ? bound / largest : bound;
    } else if (ratio?.kind === 'div' && numberOf(ratio.right) === largest && !divided)
      divided = true;
    else if (name === 'exp2' || name === 'ceil' || name === 'log2') powers = true;
    else break;
    if (input === undefined) return undefined;
    nodes.push(node.id);
    at = input;
  }
  if (!divided) return undefined;
  const maximum = graph.producer(flow.root(at));
  const magnitude = maximum && rowMaximum(maximum);
  if (!maximum || magnitude === undefined) return undefined;
  const absolute = graph.producer(flow.root(behind(magnitude, context, side)));
  const of = absolute && unaryName(absolute) === 'abs' ? valueOf(absolute.args[0]) : undefined;
  if (of === undefined || !absolute) return undefined;
  nodes.push(maximum.id, absolute.id);
  return { of, floor, powers, nodes, side };

  function rowMaximum(node: Node): ValueId | undefined {
    const name = unaryName(node);
    const input = valueOf(node.args[0]);
    const dims = numbersOf(node.args[1] ?? node.kwargs.dim);
    const rank = input === undefined ? undefined : graph.shape(input)?.length;
    const last =
      dims?.length === 1 && (dims[0] === -1 || (rank !== undefined && dims[0] === rank - 1));
    if (input === undefined || !last) return undefined;
    return name === 'amax' || name === 'max' ? input : undefined;
  }
}

/** Raises `cast(clamp(x / scale))`, anchored at the cast to FP8. */
function lift(node: Node, context: LiftContext): readonly CanonicalOp[] {
  const { flow } = context;
  const cast = flow.castOf(node);
  const outputDtype = cast && flow.dtype(cast.output);
  const largest = outputDtype && LARGEST[outputDtype];
  if (!cast || outputDtype === undefined || largest === undefined) return [];
  const clamp = clampOf(cast.input, context);
  if (!clamp) return [];
  for (const scaled of scaledOf(clamp.of, context)) {
    const side: NodeId[] = [];
    const input = behind(scaled.of, context, side);
    const subjects = [flow.root(input)];
    if (clamp.low !== -clamp.high || (clamp.high !== largest && outputDtype !== 'f8e4m3fnuz')) {
      return [
        rejected(
          NAME,
          node,
          subjects,
          `\`${node.name}\` clamps to ${clamp.low}…${clamp.high}, not to ±${largest}`,
        ),
      ];
    }
    const common = {
      op: 'quant',
      spelling: NAME,
      node: node.id,
      input: flow.root(input),
      output: cast.output,
      nan: 'propagate',
      covered: [node.id, ...clamp.nodes, ...scaled.nodes],
    } as const;
    const given = flow.root(scaled.scale);
    const dynamic = dynamicScale(scaled.scale, clamp.high, context);
    if (!dynamic || flow.root(behind(dynamic.of, context, [])) !== flow.root(input)) {
      if (!isScalar(given, context)) continue;
      return [
        {
          ...common,
          side: [...side, ...flow.path(scaled.scale)],
          scale: flow.numbers(given),
          attributes: {
            scheme: 'fp8_static',
            outputDtype,
            groupSize: null,
            scaleDtype: null,
            scaleFloor: null,
            scaleForm: scaled.form,
            scaleLayout: 'none',
          },
        } satisfies QuantOp,
      ];
    }
    const groupSize = groupOf(dynamic.of, input, context);
    return [
      {
        ...common,
        side: [
          ...side,
          ...dynamic.side,
          ...flow.path(scaled.scale),
          ...pathTo(dynamic.of, context),
        ],
        covered: [...common.covered, ...dynamic.nodes],
        scaleOutput: given,
        attributes: {
          scheme: groupSize === null ? 'fp8_token' : 'fp8_group',
          outputDtype,
          groupSize,
          scaleDtype: dynamic.powers ? 'f8e8m0fnu' : 'f32',
          scaleFloor: dynamic.floor,
          scaleForm: scaled.form,
          scaleLayout: 'row_major',
        },
      } satisfies QuantOp,
    ];
  }
  return [];
}

function pathTo(value: ValueId, context: LiftContext): NodeId[] {
  const side: NodeId[] = [];
  behind(value, context, side);
  return side;
}

/** Elements that share a scale: the last dimension of the grouped view, or null for whole rows. */
function groupOf(grouped: ValueId, input: ValueId, { flow }: LiftContext): number | null {
  const group = flow.lastDim(grouped);
  return group === undefined || group === flow.lastDim(input) ? null : group;
}

/** A scale for the whole tensor: one element, given from outside. */
function isScalar(value: ValueId, { graph }: LiftContext): boolean {
  const shape = graph.shape(value);
  return shape?.every((dim) => dim === 1) ?? false;
}

export const NATIVE_FP8: Spelling = {
  name: NAME,
  produces: 'quant',
  ops: ['prims.convert_element_type', 'aten.to', 'aten._to_copy', 'method.to'],
  title:
    'FP8 written out: divide by a scale or multiply by its reciprocal, clamp, cast; static, per token or per group',
  example:
    'q = prims.convert_element_type(aten.clamp_max(aten.clamp_min(aten.mul(x32, aten.reciprocal(scale)), -448.0), 448.0), f8e4m3fn)',
  lift,
};
