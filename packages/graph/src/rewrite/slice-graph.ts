import { symbolsOf } from '../dim/substitute.ts';
import { type Arg, eachValue, mapKwargs, mapValues, type ValueId, valueArg } from '../ir/arg.ts';
import { Graph } from '../ir/graph.ts';
import type { Node, NodeId, SymbolInfo, Value } from '../ir/graph-parts.ts';

/** A part of a graph as a graph of its own, and how its values are called there. */
export interface GraphSlice {
  readonly graph: Graph;
  /** Value of the whole graph → value of the slice. */
  readonly values: ReadonlyMap<ValueId, ValueId>;
}

/**
 * Cuts nodes out of a graph. Values that enter become inputs under their own names and types; the given values
 * become the outputs. Node and value ids are numbered anew.
 */
export function sliceGraph(
  graph: Graph,
  nodes: Iterable<NodeId>,
  outputs: readonly ValueId[],
): GraphSlice {
  const chosen = new Set(nodes);
  const wanted = new Set(outputs);
  const kept = [...chosen]
    .sort((a, b) => graph.position(a) - graph.position(b))
    .map((id) => {
      const node = graph.node(id);
      return {
        ...node,
        outputs: node.outputs.filter((output) => !isUnusedAlias(graph, output, chosen, wanted)),
      };
    });
  const ids = new Map<ValueId, ValueId>();
  const values: Value[] = [];
  const inputs: ValueId[] = [];
  const produced = new Set(kept.flatMap((node) => node.outputs));
  const define = (old: ValueId, node: NodeId | null): ValueId => {
    const id = values.length;
    const value = graph.value(old);
    values.push({ ...value, id, node, source: node === null ? { kind: 'input' } : value.source });
    ids.set(old, id);
    return id;
  };
  const enter = (old: ValueId): void => {
    if (!ids.has(old) && !produced.has(old)) inputs.push(define(old, null));
  };
  for (const node of kept) eachArgument(node, enter);
  for (const output of outputs) enter(output);
  // A state of another view than the argument: the view before the change comes in, too.
  for (const output of produced) {
    const { source } = graph.value(output);
    if (source.kind === 'write') enter(source.of);
  }
  kept.forEach((node, position) => {
    for (const output of node.outputs) define(output, position);
  });
  const rename = (old: ValueId): ValueId => ids.get(old)!;
  const renamed = kept.map(
    (node, position): Node => ({
      ...node,
      id: position,
      args: node.args.map((arg) => mapValues(arg, rename)),
      kwargs: mapKwargs(node.kwargs, rename),
      outputs: node.outputs.map(rename),
    }),
  );
  const fixed = values.map(
    (value): Value =>
      value.source.kind === 'write'
        ? { ...value, source: { ...value.source, of: rename(value.source.of) } }
        : value,
  );
  const symbols = new Map<string, SymbolInfo>();
  for (const value of fixed)
    for (const name of symbolNames(value))
      symbols.set(name, graph.symbols.get(name) ?? { name, min: null, max: null });
  const called = new Set(
    kept
      .flatMap(({ args, kwargs }) => [...args, ...Object.values(kwargs)])
      .flatMap((arg) => (arg.kind === 'graph' ? [arg.name] : [])),
  );
  const slice = new Graph({
    meta: graph.meta,
    symbols,
    equalities: [],
    values: fixed,
    nodes: renamed,
    inputs,
    outputs: outputs.map((output): Arg => valueArg(rename(output))),
    inputWrites: [],
    subgraphs: new Map([...graph.subgraphs].filter(([name]) => called.has(name))),
  });
  return { graph: slice, values: ids };
}

/** Whether a value is the state of a view that nothing in the slice asks for. */
function isUnusedAlias(
  graph: Graph,
  id: ValueId,
  chosen: ReadonlySet<NodeId>,
  wanted: ReadonlySet<ValueId>,
): boolean {
  const { source } = graph.value(id);
  return (
    source.kind === 'write' &&
    source.via === 'alias' &&
    !wanted.has(id) &&
    !graph.users(id).some((user) => chosen.has(user))
  );
}

function eachArgument(node: Node, visit: (value: ValueId) => void): void {
  for (const arg of node.args) eachValue(arg, visit);
  for (const key of Object.keys(node.kwargs)) eachValue(node.kwargs[key]!, visit);
}

function symbolNames({ type }: Value): Set<string> {
  const names = new Set<string>();
  if (type?.kind === 'tensor')
    for (const dim of [...type.shape, ...(type.strides ?? [])]) symbolsOf(dim, names);
  if (type?.kind === 'sym') symbolsOf(type.expr, names);
  return names;
}
