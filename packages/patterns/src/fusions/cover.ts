import type { SiteOutput } from '@arfuse/contract';
import { dimEquals, eachValue, type Graph, type NodeId, type ValueId } from '@arfuse/graph';
import { flowRole } from '../flow/look-through.ts';
import type { SiteMatch } from '../matching.ts';
import { inProgramOrder, type Lifted } from '../spellings/lifted.ts';
import type { Walk } from './walk.ts';

/** A read of a value of the chain from outside; `by` is null for what the program returns. */
export interface Reading {
  readonly value: ValueId;
  readonly node: NodeId;
  readonly by: NodeId | null;
}

/** The raw nodes of a chain and what crosses their border. */
export interface Region {
  /** In program order. */
  readonly covered: readonly NodeId[];
  readonly nodes: ReadonlySet<NodeId>;
  readonly partials: readonly ValueId[];
  readonly inputs: Omit<SiteMatch['inputs'], 'partials'>;
  readonly outputs: readonly { readonly output: SiteOutput; readonly value: ValueId }[];
  /** Reads of values that a fused form does not produce, in program order. */
  readonly escapes: readonly (Reading & { readonly wide: boolean })[];
  /** Reads of the unrounded sum that may be the residual of another site. */
  readonly carried: readonly Reading[];
  readonly shapeReaders: NonNullable<SiteMatch['shapeReaders']>;
}

/** Settles which nodes a site replaces and finds every value that crosses its border. */
export function cover(walk: Walk, lifted: Lifted): Region {
  const { graph, flow } = lifted;
  const nodes = new Set(walk.covered);
  for (const id of walk.covered) addUnread(graph, id, nodes);
  addSide(graph, sideOf(walk, lifted), nodes);

  const exported = new Map<ValueId, SiteOutput>();
  for (const [output, values] of Object.entries(walk.exports) as [
    SiteOutput,
    readonly ValueId[],
  ][]) {
    for (const value of values) exported.set(value, output);
  }
  const read = enteringOf(graph, nodes);
  const partials = walk.allReduces.map((op) => entering(op.input));
  const outputs: { output: SiteOutput; value: ValueId }[] = [];
  const escapes: (Reading & { wide: boolean })[] = [];
  const carried: Reading[] = [];
  const shapeReaders: { node: NodeId; value: ValueId; like: ValueId }[] = [];
  const covered = inProgramOrder(graph, nodes);
  for (const id of covered) {
    for (const value of graph.node(id).outputs) {
      const readings = outside(value, id);
      if (readings.length === 0) continue;
      const output = exported.get(value) ?? exportedAlias(value);
      if (output !== undefined) outputs.push({ output, value });
      else if (walk.wideSum !== undefined && flow.root(value) === flow.root(walk.wideSum))
        carried.push(...readings);
      else escapes.push(...readings.map((reading) => ({ ...reading, wide: false })));
    }
  }
  // What the program returns cannot be rounded away.
  const returned = carried.filter(({ by }) => by === null);
  escapes.push(...returned.map((reading) => ({ ...reading, wide: true })));
  const inputs: { -readonly [K in keyof Region['inputs']]: Region['inputs'][K] } = {};
  for (const [name, value] of Object.entries(walk.inputs) as [keyof Region['inputs'], ValueId][])
    inputs[name] = entering(value);
  for (const { value } of carried)
    if (!outputs.some((entry) => entry.value === value))
      outputs.push({ output: 'residual', value });
  return { covered, nodes, partials, inputs, outputs, escapes, carried, shapeReaders };

  function outside(value: ValueId, node: NodeId): Reading[] {
    const found: Reading[] = [];
    for (const by of graph.users(value)) {
      if (nodes.has(by)) continue;
      if (flowRole(graph.node(by).op) === 'shape') {
        const like = partials.find((partial) => sameType(graph, partial, value));
        if (like !== undefined) {
          shapeReaders.push({ node: by, value, like });
          continue;
        }
      }
      found.push({ value, node, by });
    }
    if (graph.isOutput(value)) found.push({ value, node, by: null });
    return found;
  }

  /** Another name of an exported value whose storage the same node has changed. */
  function exportedAlias(value: ValueId): SiteOutput | undefined {
    const { source } = graph.value(value);
    if (source.kind !== 'write' || source.via !== 'alias') return undefined;
    for (const [other, output] of exported) {
      if (flow.root(other) === flow.root(value) && sameType(graph, other, value)) return output;
    }
    return undefined;
  }

  /** The name by which covered nodes read what enters: a look-through node may stand outside, before the site. */
  function entering(value: ValueId): ValueId {
    const first = outermost(value);
    if (read.has(first)) return first;
    for (const other of read) if (flow.numbers(other) === flow.numbers(value)) return other;
    return first;
  }

  /** The value that enters from outside, before look-through nodes that the site covers. */
  function outermost(value: ValueId): ValueId {
    let at = value;
    for (let node = graph.producer(at); node && nodes.has(node.id); node = graph.producer(at)) {
      const from = flow.before(at);
      if (from === undefined) break;
      at = from;
    }
    return at;
  }
}

/** Values that nodes of the site read and do not define. */
function enteringOf(graph: Graph, nodes: ReadonlySet<NodeId>): Set<ValueId> {
  const entering = new Set<ValueId>();
  const visit = (value: ValueId): void => {
    const { node } = graph.value(value);
    if (node === null || !nodes.has(node)) entering.add(value);
  };
  for (const id of nodes) {
    const { args, kwargs } = graph.node(id);
    for (const arg of args) eachValue(arg, visit);
    for (const key in kwargs) eachValue(kwargs[key]!, visit);
  }
  return entering;
}

/** Nodes that may be covered, too: what prepares an operand, and every look-through node before a covered one. */
function sideOf(walk: Walk, { graph, flow }: Lifted): Set<NodeId> {
  const side = new Set(walk.side);
  const before = (id: ValueId): void => {
    for (const node of flow.path(id)) side.add(node);
  };
  for (const id of walk.covered) {
    const node = graph.node(id);
    for (const arg of node.args) eachValue(arg, before);
    for (const key in node.kwargs) eachValue(node.kwargs[key]!, before);
  }
  return side;
}

/** Assertions about a value, and copies of it that nothing reads, go with it. */
function addUnread(graph: Graph, id: NodeId, nodes: Set<NodeId>): void {
  for (const value of graph.node(id).outputs) {
    for (const user of graph.users(value)) {
      if (nodes.has(user)) continue;
      const node = graph.node(user);
      const role = flowRole(node.op);
      if (role === 'check') nodes.add(user);
      else if (role !== null && node.outputs.every((output) => isUnread(graph, output))) {
        nodes.add(user);
        addUnread(graph, user, nodes);
      }
    }
  }
}

function isUnread(graph: Graph, value: ValueId): boolean {
  const { source } = graph.value(value);
  return (
    source.kind === 'result' &&
    !graph.isOutput(value) &&
    graph.users(value).every((user) => flowRole(graph.node(user).op) === 'check')
  );
}

/** Covers side nodes that nothing outside reads. Users come later, so one pass backwards settles all. */
function addSide(graph: Graph, side: Iterable<NodeId>, nodes: Set<NodeId>): void {
  for (const id of inProgramOrder(graph, side).reverse()) {
    if (nodes.has(id)) continue;
    const internal = graph
      .node(id)
      .outputs.every(
        (value) =>
          !graph.isOutput(value) &&
          graph
            .users(value)
            .every((user) => nodes.has(user) || flowRole(graph.node(user).op) === 'check'),
      );
    if (!internal) continue;
    nodes.add(id);
    addUnread(graph, id, nodes);
  }
}

function sameType(graph: Graph, a: ValueId, b: ValueId): boolean {
  const left = graph.value(a).type;
  const right = graph.value(b).type;
  if (left?.kind !== 'tensor' || right?.kind !== 'tensor') return false;
  return (
    left.dtype === right.dtype &&
    left.shape.length === right.shape.length &&
    left.shape.every((dim, i) => dimEquals(dim, right.shape[i]!))
  );
}
