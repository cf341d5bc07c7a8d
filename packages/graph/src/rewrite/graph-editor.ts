import { GraphError } from '@arfuse/contract';
import { type Arg, eachValue, mapKwargs, mapValues, type ValueId } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node, NodeId, Provenance, Value } from '../ir/graph-parts.ts';
import type { ValueType } from '../ir/type.ts';

/** A node to insert. Arguments name values of the graph, or of nodes added before it. */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  readonly args: readonly Arg[];
  readonly kwargs?: Readonly<Record<string, Arg>>;
  readonly outputs: readonly { readonly name: string; readonly type: ValueType | null }[];
  readonly provenance?: Provenance;
}

/** Ids of a node that was added and of its results. */
export interface AddedNode {
  readonly node: NodeId;
  readonly values: readonly ValueId[];
}

interface Insertion {
  readonly before: NodeId | null;
  readonly node: Node;
}

/**
 * Collects edits of a graph and makes a new one that shares every untouched node and value. Ids of removed nodes
 * and values are never used again.
 */
export class GraphEditor {
  readonly #graph: Graph;
  readonly #values: Value[];
  readonly #names: Set<string>;
  /** Last number that was tried behind a name that is taken. */
  readonly #suffixes = new Map<string, number>();
  readonly #removed = new Set<NodeId>();
  readonly #insertions: Insertion[] = [];
  readonly #replaced = new Map<ValueId, ValueId>();
  #nextNode: NodeId;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#values = [...graph.values];
    this.#names = new Set([...graph.values, ...graph.nodes].map(({ name }) => name));
    let last = -1;
    for (const { id } of graph.nodes) last = Math.max(last, id);
    // Values outlive their nodes.
    for (const { node } of graph.values) last = Math.max(last, node ?? -1);
    this.#nextNode = last + 1;
  }

  /** Inserts a node before another one, or at the end. Nodes with the same anchor keep the order of the calls. */
  addNode(node: NewNode, before: NodeId | null = null): AddedNode {
    if (before !== null) this.#graph.position(before);
    const id = this.#nextNode;
    this.#nextNode += 1;
    const name = this.#unique(node.name);
    // As in a captured program, a result may be called like its node.
    const values = node.outputs.map((output, index) =>
      this.#define(
        output.name === node.name && index === 0 ? name : this.#unique(output.name),
        output.type,
        id,
        index,
      ),
    );
    this.#insertions.push({
      before,
      node: {
        id,
        name,
        op: node.op,
        args: node.args,
        kwargs: node.kwargs ?? {},
        outputs: values,
        provenance: node.provenance ?? {},
      },
    });
    return { node: id, values };
  }

  /**
   * Points every reader of a value, and the graph's outputs, to another one, which may be replaced in turn.
   * @throws GraphError when a value does not exist, or would replace itself
   */
  replaceUses(old: ValueId, replacement: ValueId): void {
    for (const id of [old, replacement]) {
      if (!this.#values[id])
        throw new GraphError({
          message: `value ${id} does not exist in this graph.`,
          details: { id },
        });
    }
    if (old === replacement) return;
    if (this.#final(replacement) === old) {
      throw new GraphError({
        message: `"${this.#values[replacement]!.name}" cannot replace "${this.#values[old]!.name}", which already replaces it.`,
        hint: 'Replace both by a third value.',
      });
    }
    this.#replaced.set(old, replacement);
  }

  removeNode(id: NodeId): void {
    this.#graph.position(id);
    this.#removed.add(id);
  }

  /**
   * The edited graph.
   * @throws GraphError when something still reads a value of a removed node, or reads a value before its definition
   */
  finish(): Graph {
    const replace = (value: ValueId): ValueId => this.#final(value);
    const nodes: Node[] = [];
    const pending = new Map<NodeId | null, Node[]>();
    for (const { before, node } of this.#insertions) {
      const list = pending.get(before);
      if (list) list.push(node);
      else pending.set(before, [node]);
    }
    for (const node of this.#graph.nodes) {
      for (const added of pending.get(node.id) ?? []) nodes.push(repoint(added, replace));
      if (!this.#removed.has(node.id)) nodes.push(repoint(node, replace));
    }
    for (const added of pending.get(null) ?? []) nodes.push(repoint(added, replace));
    const edited = this.#graph.with({
      values: this.#values.map((value) => repointState(value, replace)),
      nodes,
      outputs: this.#graph.outputs.map((arg) => mapValues(arg, replace)),
      inputWrites: this.#graph.inputWrites.map(({ input, value }) => ({
        input,
        value: replace(value),
      })),
    });
    checkDefinitions(edited);
    return edited;
  }

  #final(value: ValueId): ValueId {
    let at = value;
    for (let next = this.#replaced.get(at); next !== undefined; next = this.#replaced.get(at))
      at = next;
    return at;
  }

  #define(name: string, type: ValueType | null, node: NodeId, index: number): ValueId {
    const id = this.#values.length;
    this.#values.push({ id, name, type, node, source: { kind: 'result', index } });
    return id;
  }

  /** A name that nothing has; from now on it is taken. */
  #unique(name: string): string {
    let unique = name;
    let suffix = this.#suffixes.get(name) ?? 0;
    while (this.#names.has(unique)) {
      suffix += 1;
      unique = `${name}_${suffix}`;
    }
    this.#suffixes.set(name, suffix);
    this.#names.add(unique);
    return unique;
  }
}

function repoint(node: Node, replace: (value: ValueId) => ValueId): Node {
  const args = node.args.map((arg) => mapValues(arg, replace));
  const kwargs = mapKwargs(node.kwargs, replace);
  const changed = kwargs !== node.kwargs || args.some((arg, i) => arg !== node.args[i]);
  return changed ? { ...node, args, kwargs } : node;
}

/** A state says which value was changed, which may have another name now. */
function repointState(value: Value, replace: (value: ValueId) => ValueId): Value {
  const { source } = value;
  if (source.kind !== 'write') return value;
  const of = replace(source.of);
  return of === source.of ? value : { ...value, source: { ...source, of } };
}

/**
 * Checks that every value is defined before it is read.
 * @throws GraphError naming the value and its reader
 */
export function checkDefinitions(graph: Graph): void {
  const defined = new Uint8Array(graph.values.length);
  for (const input of graph.inputs) defined[input] = 1;
  const check = (reader: string) => (value: ValueId) => {
    if (defined[value] === 1) return;
    const name = graph.values[value]?.name ?? String(value);
    throw new GraphError({
      message: `${reader} reads "${name}", which nothing defines before it.`,
      hint: 'A removed or later value is still read: re-point its readers, or keep its node.',
      details: { value: name, reader },
    });
  };
  for (const node of graph.nodes) {
    const visit = check(`node "${node.name}"`);
    for (const arg of node.args) eachValue(arg, visit);
    for (const key in node.kwargs) eachValue(node.kwargs[key]!, visit);
    for (const output of node.outputs) defined[output] = 1;
  }
  const visit = check('the program output');
  for (const arg of graph.outputs) eachValue(arg, visit);
  for (const write of graph.inputWrites) visit(write.value);
}
