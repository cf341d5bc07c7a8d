import { canonicalJson } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';
import type { Arg } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node, Value } from '../ir/graph-parts.ts';
import type { ValueType } from '../ir/type.ts';

/** `format` member of a graph document. */
export const GRAPH_FORMAT = 'arfuse.graph';

/** Integers beyond 2^53 are strings of digits. */
export function encodeInt(value: number | bigint): number | string {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** JSON has no NaN, infinities or negative zero: they are strings. */
export function encodeFloat(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : Object.is(value, -0)
      ? '-0'
      : String(value);
}

/** An integer, `{ sym }`, `{ float }` (text), or `{ op, args }`; other functions are `{ fn, args }`. */
export function encodeDim(dim: Dim): unknown {
  if (typeof dim !== 'object') return encodeInt(dim);
  if (dim.op === 'sym') return { sym: dim.name };
  if (dim.op === 'float') return { float: dim.text };
  const args = dim.args.map(encodeDim);
  return dim.op === 'fn' ? { fn: dim.name, args } : { op: dim.op, args };
}

/** One member whose name is the kind. */
export function encodeArg(arg: Arg): unknown {
  switch (arg.kind) {
    case 'value':
      return { value: arg.id };
    case 'int':
      return { int: encodeInt(arg.value) };
    case 'float':
      return { float: encodeFloat(arg.value) };
    case 'bool':
      return { bool: arg.value };
    case 'string':
      return { string: arg.value };
    case 'none':
      return { none: true };
    case 'ellipsis':
      return { ellipsis: true };
    case 'dtype':
      return { dtype: arg.value };
    case 'device':
      return { device: arg.value };
    case 'enum':
      return { enum: [arg.type, arg.value] };
    case 'list':
      return { list: arg.items.map(encodeArg) };
    case 'tuple':
      return { tuple: arg.items.map(encodeArg) };
    case 'dict':
      return { dict: arg.entries.map(([key, value]) => [encodeArg(key), encodeArg(value)]) };
    case 'slice':
      return { slice: [encodeArg(arg.start), encodeArg(arg.stop), encodeArg(arg.step)] };
    case 'op':
      return { op: arg.name };
    case 'dim':
      return { dim: encodeDim(arg.dim) };
    case 'graph':
      return { graph: arg.name };
    case 'complex':
      return { complex: [encodeFloat(arg.re), encodeFloat(arg.im)] };
    case 'raw':
      return { raw: arg.text };
  }
}

function encodeType(type: ValueType): unknown {
  switch (type.kind) {
    case 'tensor': {
      const { dtype, device, wrapper } = type;
      return {
        dtype,
        shape: type.shape.map(encodeDim),
        ...(type.strides ? { strides: type.strides.map(encodeDim) } : {}),
        ...(device === undefined ? {} : { device }),
        ...(wrapper === undefined ? {} : { wrapper }),
      };
    }
    case 'sym':
      return { scalar: type.scalar, expr: encodeDim(type.expr) };
    case 'list':
      return { list: true };
    case 'opaque':
      return { opaque: type.text };
  }
}

/** The values that no node defines, because it was removed, name it. */
function encodeValue({ name, type, node, source }: Value, removed: boolean): unknown {
  const from =
    source.kind === 'input'
      ? {}
      : source.kind === 'result'
        ? { result: source.index }
        : { write: { arg: source.arg, of: source.of, via: source.via } };
  return {
    name,
    ...(type ? { type: encodeType(type) } : {}),
    ...from,
    ...(removed && node !== null ? { removed: node } : {}),
  };
}

function encodeNode(node: Node): unknown {
  const kwargs = Object.entries(node.kwargs);
  return {
    id: node.id,
    name: node.name,
    op: node.op,
    ...(node.args.length > 0 ? { args: node.args.map(encodeArg) } : {}),
    // A list of pairs, because the order of keyword arguments is part of the call.
    ...(kwargs.length > 0 ? { kwargs: kwargs.map(([key, arg]) => [key, encodeArg(arg)]) } : {}),
    ...(node.outputs.length > 0 ? { outputs: node.outputs } : {}),
    ...(node.wrapper ? { wrapper: node.wrapper } : {}),
    ...(Object.keys(node.provenance).length > 0 ? { provenance: node.provenance } : {}),
  };
}

/** The graph as a plain JSON value; `graphFromJson` gives back an equal graph. */
export function graphToJson(graph: Graph): unknown {
  return {
    format: GRAPH_FORMAT,
    specificationVersion: 1,
    ...encodeParts(graph),
  };
}

function encodeParts(graph: Graph): Record<string, unknown> {
  return {
    meta: graph.meta,
    symbols: [...graph.symbols.values()].map(({ name, min, max, hint }) => ({
      name,
      min: min === null ? null : encodeInt(min),
      max: max === null ? null : encodeInt(max),
      ...(hint === undefined ? {} : { hint: encodeInt(hint) }),
    })),
    equalities: graph.equalities.map(({ left, right }) => [encodeDim(left), encodeDim(right)]),
    values: graph.values.map((value) =>
      encodeValue(value, value.node !== null && !graph.hasNode(value.node)),
    ),
    nodes: graph.nodes.map(encodeNode),
    inputs: graph.inputs,
    outputs: graph.outputs.map(encodeArg),
    inputWrites: graph.inputWrites,
    subgraphs: [...graph.subgraphs].map(([name, inner]) => ({ name, ...encodeParts(inner) })),
  };
}

/** The graph as canonical JSON text with a final line break: equal graphs give equal bytes. */
export function printGraph(graph: Graph): string {
  return `${canonicalJson(graphToJson(graph))}\n`;
}
