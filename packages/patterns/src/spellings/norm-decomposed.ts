import type { Node, NodeId, ValueId } from '@arfuse/graph';
import { boolOf, numberOf, numbersOf, valueOf } from '../flow/args.ts';
import type { CanonicalOp, RmsOp } from './canonical.ts';
import { binaryOf, powerOf, unaryName, withConstant } from './elementwise.ts';
import { narrowings } from './narrowings.ts';
import { type LiftContext, rejected, type Spelling } from './spelling.ts';
import { resolveWeight } from './weight.ts';

const NAME = 'norm.rms/decomposed';

/** `rsqrt(a)`, `a ** -0.5` or `1 / sqrt(a)`: the value `a` and the nodes. */
function inverseRoot(
  node: Node,
  { graph, flow }: LiftContext,
): { of: ValueId; output: ValueId; nodes: NodeId[] } | undefined {
  const output = graph.result(node)?.id;
  const input = valueOf(node.args[0] ?? node.kwargs.self ?? node.kwargs.input);
  if (output === undefined || input === undefined) return undefined;
  const name = unaryName(node);
  if (name === 'rsqrt') return { of: input, output, nodes: [node.id] };
  const power = powerOf(graph, node);
  if (power?.exponent === -0.5) return { of: power.base, output, nodes: [node.id] };
  if (name === 'reciprocal') {
    const root = graph.producer(flow.root(input));
    const of = unaryName(root) === 'sqrt' ? valueOf(root!.args[0]) : undefined;
    return of === undefined ? undefined : { of, output, nodes: [root!.id, node.id] };
  }
  return undefined;
}

/** Mean over the last dimension with the dimension kept: the value that is averaged, or why it is another mean. */
function lastMean(
  node: Node,
  { graph, flow }: LiftContext,
): { of: ValueId; nodes: NodeId[] } | string | undefined {
  const ratio = binaryOf(graph, node);
  if (ratio?.kind === 'div') {
    const total = valueOf(ratio.left);
    const sum = total === undefined ? undefined : graph.producer(flow.root(total));
    const length = numberOf(ratio.right);
    if (!sum || unaryName(sum) !== 'sum') return undefined;
    const inner = lastMeanArgs(sum, { graph, flow });
    if (typeof inner !== 'object') return inner;
    return flow.lastDim(inner.of) === length
      ? { of: inner.of, nodes: [sum.id, node.id] }
      : undefined;
  }
  return unaryName(node) === 'mean' ? lastMeanArgs(node, { graph, flow }) : undefined;
}

function lastMeanArgs(
  node: Node,
  { graph }: LiftContext,
): { of: ValueId; nodes: NodeId[] } | string | undefined {
  const of = valueOf(node.args[0] ?? node.kwargs.self ?? node.kwargs.input);
  if (of === undefined) return undefined;
  const dims = numbersOf(node.args[1] ?? node.kwargs.dim);
  const keep = boolOf(node.args[2] ?? node.kwargs.keepdim);
  const rank = graph.shape(of)?.length;
  if (dims?.length !== 1) return `\`${node.name}\` averages over more than the last dimension`;
  if (dims[0] !== -1 && (rank === undefined || dims[0] !== rank - 1))
    return `\`${node.name}\` averages over dimension ${dims[0]}, not the last one`;
  if (keep !== true) return undefined;
  return { of, nodes: [node.id] };
}

interface Found {
  readonly output: ValueId;
  readonly unrounded?: ValueId;
  readonly weight?: ValueId;
  readonly multiply: 'before' | 'after';
  readonly nodes: readonly NodeId[];
}

/**
 * What follows `x * rsqrt(…)`: weight and down-cast in either order, or only one of them. The form without a weight
 * counts only where no weight follows.
 */
function continuations(n: ValueId, hidden: number | undefined, context: LiftContext): Found[] {
  const { flow } = context;
  const found: Found[] = [];
  for (const { output, weight, node } of weightProducts(n, hidden, context)) {
    const casts = narrowings(output, context);
    for (const cast of casts)
      found.push({
        output: cast.output,
        unrounded: output,
        weight,
        multiply: 'before',
        nodes: [node, cast.node],
      });
    if (casts.length === 0) found.push({ output, weight, multiply: 'before', nodes: [node] });
  }
  const bare: Found[] = [];
  for (const cast of narrowings(n, context)) {
    for (const product of weightProducts(cast.output, hidden, context)) {
      const nodes = [cast.node, product.node];
      const widened = flow.dtype(product.output) !== flow.dtype(cast.output);
      const again = widened ? narrowings(product.output, context) : [];
      for (const last of again)
        found.push({
          output: last.output,
          weight: product.weight,
          multiply: 'after',
          nodes: [...nodes, last.node],
        });
      if (again.length === 0)
        found.push({ output: product.output, weight: product.weight, multiply: 'after', nodes });
    }
    bare.push({ output: cast.output, unrounded: n, multiply: 'before', nodes: [cast.node] });
  }
  if (found.length > 0) return found;
  return bare.length > 0 ? bare : [{ output: n, multiply: 'before', nodes: [] }];
}

function weightProducts(
  value: ValueId,
  hidden: number | undefined,
  { graph, flow }: LiftContext,
): { output: ValueId; weight: ValueId; node: NodeId }[] {
  const products: { output: ValueId; weight: ValueId; node: NodeId }[] = [];
  for (const reader of flow.dataOf(value).readers) {
    const product = reader.wide ? undefined : binaryOf(graph, reader.node ?? undefined);
    if (product?.kind !== 'mul') continue;
    const left = valueOf(product.left);
    const right = valueOf(product.right);
    const other = left === reader.value ? right : left;
    if (other === undefined || !isVectorLike(other, hidden, { graph, flow })) continue;
    products.push({ output: product.output, weight: other, node: product.node.id });
  }
  return products;
}

/** A vector, or what becomes of one by casts and constants (`1 + w`). */
function isVectorLike(
  value: ValueId,
  hidden: number | undefined,
  { graph, flow }: LiftContext,
): boolean {
  const { type } = graph.value(flow.root(value));
  if (type !== null) return flow.isVector(value, hidden);
  return flow.isVector(resolveWeight(value, { graph, flow }).value, hidden);
}

/** Raises `x * rsqrt(mean(x²) + eps)` with what follows it, anchored at the inverse root. */
function lift(node: Node, context: LiftContext): readonly CanonicalOp[] {
  const { graph, flow } = context;
  const inverse = inverseRoot(node, context);
  if (!inverse) return [];
  const shifted = graph.producer(flow.root(inverse.of));
  const sum = withConstant(binaryOf(graph, shifted), 'add');
  if (!sum || !shifted) return [];
  const average = graph.producer(flow.root(sum.value));
  const mean = average && lastMean(average, context);
  if (!average || mean === undefined) return [];
  const averaged = typeof mean === 'string' ? valueOf(average.args[0]) : mean.of;
  const square = averaged === undefined ? undefined : graph.producer(flow.root(averaged));
  const power = powerOf(graph, square);
  if (power?.exponent !== 2 || !square) return [];
  if (typeof mean === 'string')
    return [rejected(NAME, node, [flow.numbers(power.base), flow.root(power.base)], mean)];

  const numbers = flow.numbers(power.base);
  const computed = flow.dtype(power.base);
  const subjects = [numbers, flow.root(power.base)];
  if (computed === 'bf16' || computed === 'f16') {
    return [
      rejected(
        NAME,
        node,
        subjects,
        `\`${square.name}\` squares in ${computed}; only norms that are computed in f32 can be replaced`,
      ),
    ];
  }
  const hidden = flow.lastDim(power.base);
  const statistics = [square.id, ...mean.nodes, shifted.id, ...inverse.nodes];
  const ops: CanonicalOp[] = [];
  for (const reader of flow.dataOf(inverse.output).readers) {
    const product = reader.wide ? undefined : binaryOf(graph, reader.node ?? undefined);
    if (product?.kind !== 'mul') continue;
    const left = valueOf(product.left);
    const right = valueOf(product.right);
    const scaled = left === reader.value ? right : left;
    if (scaled === undefined || scaled === reader.value || flow.numbers(scaled) !== numbers)
      continue;
    for (const found of continuations(product.output, hidden, context)) {
      ops.push(
        raise(
          found,
          {
            numbers,
            hidden,
            eps: sum.constant,
            node,
            covered: [...statistics, product.node.id],
            operands: [power.base, scaled, inverse.of, sum.value, mean.of],
          },
          context,
        ),
      );
    }
  }
  if (ops.length === 0)
    return [
      rejected(
        NAME,
        node,
        subjects,
        `nothing multiplies \`${graph.value(numbers).name}\` by \`${node.name}\``,
      ),
    ];
  return ops;
}

interface Base {
  readonly numbers: ValueId;
  readonly hidden: number | undefined;
  readonly eps: number;
  readonly node: Node;
  readonly covered: readonly NodeId[];
  readonly operands: readonly ValueId[];
}

function raise(found: Found, base: Base, context: LiftContext): RmsOp {
  const { flow } = context;
  const weight = found.weight === undefined ? undefined : resolveWeight(found.weight, context);
  const ends = found.nodes;
  return {
    op: 'norm.rms',
    spelling: NAME,
    node: base.node.id,
    covered: [...base.covered, ...ends],
    side: [...base.operands.flatMap((value) => flow.path(value)), ...(weight?.side ?? [])],
    x: base.numbers,
    eps: base.eps,
    hidden: base.hidden,
    weight: weight?.value ?? null,
    weightDtype: weight === undefined ? null : (weight.dtype ?? flow.dtype(found.output) ?? null),
    weightBias: weight?.bias ?? 0,
    weightMultiply: weight === undefined ? 'before' : found.multiply,
    output: found.output,
    ...(found.unrounded === undefined ? {} : { unrounded: found.unrounded }),
  };
}

const spaces = (name: string): string[] =>
  ['aten', 'torch', 'method', 'prims', 'operator', '_operator'].map((space) => `${space}.${name}`);

export const DECOMPOSED_NORM: Spelling = {
  name: NAME,
  produces: 'norm.rms',
  ops: [...spaces('rsqrt'), ...spaces('pow'), ...spaces('reciprocal')],
  title:
    'square, mean over the last dimension, add eps, inverse root, multiply; weight and down-cast in either order; any level, operands in any order',
  example: [
    'c = prims.convert_element_type(x, f32); p = aten.pow(c, 2); m = aten.mean(p, [-1], True)',
    'r = aten.rsqrt(aten.add(m, 1e-05)); y = aten.mul(prims.convert_element_type(aten.mul(c, r), bf16), w)',
  ].join('\n'),
  lift,
};
