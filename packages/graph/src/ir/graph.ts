import { GraphError } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';
import { opBase } from '../ops/op-name.ts';
import { type Arg, eachValue, type ValueId } from './arg.ts';
import type { Equality, GraphMeta, Node, NodeId, SymbolInfo, Value } from './graph-parts.ts';

/** The parts of a graph. Nodes stand in program order; values are indexed by id. */
export interface GraphParts {
  readonly meta: GraphMeta;
  readonly symbols: ReadonlyMap<string, SymbolInfo>;
  readonly equalities: readonly Equality[];
  readonly values: readonly Value[];
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueId[];
  /** What the program returns, in order. */
  readonly outputs: readonly Arg[];
  /** Inputs that the program changes in place, with their last state. The caller sees it. */
  readonly inputWrites: readonly { readonly input: ValueId; readonly value: ValueId }[];
  readonly subgraphs: ReadonlyMap<string, Graph>;
}

/**
 * An immutable program of one rank. Use lists come from the builder, or are computed once, on first use, like the
 * op index. Rewriting makes a new graph that shares nodes and values with the old one.
 */
export class Graph implements GraphParts {
  readonly meta: GraphMeta;
  readonly symbols: ReadonlyMap<string, SymbolInfo>;
  readonly equalities: readonly Equality[];
  readonly values: readonly Value[];
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly Arg[];
  readonly inputWrites: readonly { readonly input: ValueId; readonly value: ValueId }[];
  readonly subgraphs: ReadonlyMap<string, Graph>;

  #positions: Map<NodeId, number> | undefined;
  #users: readonly (readonly NodeId[] | undefined)[] | undefined;
  #outputUses: Set<ValueId> | undefined;
  #byBase: Map<string, Node[]> | undefined;
  #byName: Map<string, Node> | undefined;

  /** @param users by value, when the maker knows them: the nodes that read it, in program order, each once */
  constructor(parts: GraphParts, users?: readonly (readonly NodeId[])[]) {
    this.#users = users;
    this.meta = parts.meta;
    this.symbols = parts.symbols;
    this.equalities = parts.equalities;
    this.values = parts.values;
    this.nodes = parts.nodes;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.inputWrites = parts.inputWrites;
    this.subgraphs = parts.subgraphs;
  }

  /** @throws GraphError when there is no such value */
  value(id: ValueId): Value {
    const value = this.values[id];
    if (!value)
      throw new GraphError({
        message: `value ${id} does not exist in this graph.`,
        details: { id },
      });
    return value;
  }

  /** @throws GraphError when there is no such node */
  node(id: NodeId): Node {
    return this.nodes[this.position(id)]!;
  }

  /**
   * Index of a node in program order.
   * @throws GraphError when there is no such node
   */
  position(id: NodeId): number {
    const position = this.#find(id);
    if (position === undefined) {
      throw new GraphError({
        message: `node ${id} does not exist in this graph.`,
        details: { id },
      });
    }
    return position;
  }

  hasNode(id: NodeId): boolean {
    return this.#find(id) !== undefined;
  }

  #find(id: NodeId): number | undefined {
    // A graph as it was read numbers its nodes in order; only rewriting leaves gaps.
    if (this.nodes[id]?.id === id) return id;
    this.#positions ??= new Map(this.nodes.map((node, position) => [node.id, position]));
    return this.#positions.get(id);
  }

  /** The node that defines a value, or undefined for a graph input. */
  producer(id: ValueId): Node | undefined {
    const node = this.value(id).node;
    return node === null ? undefined : this.node(node);
  }

  /** Nodes that read a value, in program order, each once per node. */
  users(id: ValueId): readonly NodeId[] {
    if (!this.#users) {
      const users: NodeId[][] = new Array(this.values.length);
      for (const node of this.nodes) {
        const seen = (value: ValueId): void => {
          const list = users[value];
          if (!list) users[value] = [node.id];
          else if (list[list.length - 1] !== node.id) list.push(node.id);
        };
        for (const arg of node.args) eachValue(arg, seen);
        for (const key in node.kwargs) eachValue(node.kwargs[key]!, seen);
      }
      this.#users = users;
    }
    return this.#users[id] ?? [];
  }

  /** Whether the program returns the value, or leaves it in an input that it changes. */
  isOutput(id: ValueId): boolean {
    if (!this.#outputUses) {
      const found = new Set<ValueId>();
      for (const arg of this.outputs) eachValue(arg, (value) => found.add(value));
      for (const write of this.inputWrites) found.add(write.value);
      this.#outputUses = found;
    }
    return this.#outputUses.has(id);
  }

  /** Nodes whose op is `base` with any overload (`aten.add` finds `aten.add.Tensor`), in program order. */
  nodesOf(base: string): readonly Node[] {
    if (!this.#byBase) {
      this.#byBase = new Map();
      for (const node of this.nodes) {
        const key = opBase(node.op);
        const list = this.#byBase.get(key);
        if (list) list.push(node);
        else this.#byBase.set(key, [node]);
      }
    }
    return this.#byBase.get(base) ?? [];
  }

  /** The node of a name, or undefined. */
  nodeByName(name: string): Node | undefined {
    if (!this.#byName) {
      this.#byName = new Map();
      for (const node of this.nodes) this.#byName.set(node.name, node);
    }
    return this.#byName.get(name);
  }

  /** The value of a node's `index`-th result, or undefined when nothing defines it. */
  result(node: Node, index = 0): Value | undefined {
    for (const id of node.outputs) {
      const value = this.values[id]!;
      if (value.source.kind !== 'result') continue;
      if (value.source.index === index || (value.source.index === null && index === 0))
        return value;
    }
    return undefined;
  }

  /** The state that a node leaves in one of its arguments (position or keyword), or undefined. */
  written(node: Node, arg: number | string): Value | undefined {
    for (const id of node.outputs) {
      const value = this.values[id]!;
      if (
        value.source.kind === 'write' &&
        value.source.via === 'direct' &&
        value.source.arg === arg
      )
        return value;
    }
    return undefined;
  }

  /** A graph with some parts replaced. */
  with(parts: Partial<GraphParts>): Graph {
    return new Graph({ ...this.parts(), ...parts });
  }

  parts(): GraphParts {
    const { meta, symbols, equalities, values, nodes, inputs, outputs, inputWrites, subgraphs } =
      this;
    return { meta, symbols, equalities, values, nodes, inputs, outputs, inputWrites, subgraphs };
  }

  /** The shape of a value, or undefined when it is no tensor or untyped. */
  shape(id: ValueId): readonly Dim[] | undefined {
    const type = this.value(id).type;
    return type?.kind === 'tensor' ? type.shape : undefined;
  }
}
