import { type Arg, type Graph, type Node, opBase, type ValueId } from '@arfuse/graph';
import { numberOf, valueOf } from '../flow/args.ts';

export type BinaryKind = 'add' | 'mul' | 'div';

/** An elementwise op of two operands. */
export interface Binary {
  readonly kind: BinaryKind;
  readonly node: Node;
  readonly left: Arg;
  readonly right: Arg;
  /** `aten.add` multiplies its second operand by this. */
  readonly alpha: number;
  /** The result, which is the state of the first operand when the op works in place. */
  readonly output: ValueId;
}

const KINDS = new Map<string, { kind: BinaryKind; inPlace: boolean }>();
for (const [kind, aliases] of [
  ['add', ['add']],
  ['mul', ['mul', 'multiply']],
  ['div', ['div', 'true_divide', 'truediv', 'divide']],
] as const) {
  for (const name of aliases) {
    for (const space of [
      'aten',
      'torch',
      'method',
      'operator',
      '_operator',
      'prims',
      'torch.Tensor',
    ]) {
      KINDS.set(`${space}.${name}`, { kind, inPlace: false });
      KINDS.set(`${space}.${name}_`, { kind, inPlace: true });
      KINDS.set(`${space}.__${name}__`, { kind, inPlace: false });
      KINDS.set(`${space}.i${name}`, { kind, inPlace: true });
    }
  }
}

/** The node as an addition, multiplication or division, or undefined. */
export function binaryOf(graph: Graph, node: Node | undefined): Binary | undefined {
  if (!node) return undefined;
  const known = KINDS.get(opBase(node.op));
  if (!known || node.kwargs.rounding_mode?.kind === 'string') return undefined;
  const left = node.args[0] ?? node.kwargs.self ?? node.kwargs.input;
  const right = node.args[1] ?? node.kwargs.other;
  const output = known.inPlace ? firstState(graph, node) : graph.result(node)?.id;
  if (!left || !right || output === undefined) return undefined;
  const alpha = known.kind === 'add' ? (numberOf(node.kwargs.alpha ?? node.args[2]) ?? 1) : 1;
  return { kind: known.kind, node, left, right, alpha, output };
}

function firstState(graph: Graph, node: Node): ValueId | undefined {
  for (const id of node.outputs) {
    const { source } = graph.value(id);
    if (source.kind === 'write' && source.via === 'direct') return id;
  }
  return graph.result(node)?.id;
}

/** A commutative op of a value and a literal number, in either order. */
export function withConstant(
  binary: Binary | undefined,
  kind: BinaryKind,
): { value: ValueId; constant: number } | undefined {
  if (binary?.kind !== kind) return undefined;
  const left = valueOf(binary.left);
  const right = valueOf(binary.right);
  const constant = left === undefined ? numberOf(binary.left) : numberOf(binary.right);
  const value = left ?? right;
  return value === undefined || constant === undefined
    ? undefined
    : { value, constant: constant * (left === undefined ? 1 : binary.alpha) };
}

const SQUARES = new Set(['aten.square', 'torch.square', 'method.square']);
const POWERS = new Set([
  'aten.pow',
  'torch.pow',
  'method.pow',
  'operator.pow',
  'prims.pow',
  'method.__pow__',
]);

/** The base and literal exponent of a power; a square and `x * x` are powers of two. */
export function powerOf(
  graph: Graph,
  node: Node | undefined,
): { base: ValueId; exponent: number } | undefined {
  if (!node) return undefined;
  const op = opBase(node.op);
  const base = valueOf(node.args[0] ?? node.kwargs.self ?? node.kwargs.input);
  if (SQUARES.has(op)) return base === undefined ? undefined : { base, exponent: 2 };
  if (POWERS.has(op)) {
    const exponent = numberOf(node.args[1] ?? node.kwargs.exponent);
    return base === undefined || exponent === undefined ? undefined : { base, exponent };
  }
  const product = binaryOf(graph, node);
  if (product?.kind !== 'mul') return undefined;
  const left = valueOf(product.left);
  return left !== undefined && left === valueOf(product.right)
    ? { base: left, exponent: 2 }
    : undefined;
}

const UNARY = new Map<string, string>();
for (const name of [
  'rsqrt',
  'sqrt',
  'reciprocal',
  'abs',
  'log2',
  'ceil',
  'exp2',
  'amax',
  'max',
  'mean',
  'sum',
  'clamp',
  'clamp_min',
  'clamp_max',
]) {
  for (const space of ['aten', 'torch', 'method', 'prims', 'operator', '_operator'])
    UNARY.set(`${space}.${name}`, name);
}

/** `rsqrt`, `mean`, `clamp_min`, … without namespace, or undefined. */
export function unaryName(node: Node | undefined): string | undefined {
  return node && UNARY.get(opBase(node.op));
}
