import { DEFAULT_OPS, type Graph, type NodeId, type ValueId } from '@arfuse/graph';

/** Which nodes change which storage in place. Computed once, on first use. */
export class Storage {
  readonly #graph: Graph;
  readonly #roots = new Map<ValueId, ValueId>();
  #writers: Map<ValueId, NodeId[]> | undefined;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Nodes that change the storage of a value, in program order. */
  writersOf(value: ValueId): readonly NodeId[] {
    this.#writers ??= this.#findWriters();
    return this.#writers.get(this.#root(value)) ?? [];
  }

  #findWriters(): Map<ValueId, NodeId[]> {
    const writers = new Map<ValueId, Set<NodeId>>();
    for (const { source, node: id } of this.#graph.values) {
      if (source.kind !== 'write' || id === null || !this.#graph.hasNode(id)) continue;
      // A functionalised call leaves its arguments as they are.
      if (this.#graph.node(id).wrapper) continue;
      const root = this.#root(source.of);
      const nodes = writers.get(root);
      if (nodes) nodes.add(id);
      else writers.set(root, new Set([id]));
    }
    const ordered = (nodes: Iterable<NodeId>): NodeId[] =>
      [...nodes].sort((a, b) => this.#graph.position(a) - this.#graph.position(b));
    return new Map([...writers].map(([root, nodes]) => [root, ordered(nodes)]));
  }

  /** The first value of a storage: behind views and in-place states. */
  #root(value: ValueId): ValueId {
    const known = this.#roots.get(value);
    if (known !== undefined) return known;
    let root = value;
    for (let from = this.#before(root); from !== undefined; from = this.#before(root)) {
      root = this.#roots.get(from) ?? from;
    }
    this.#roots.set(value, root);
    return root;
  }

  #before(value: ValueId): ValueId | undefined {
    const { source, node: id } = this.#graph.value(value);
    if (source.kind === 'write') return source.of;
    if (id === null) return undefined;
    const node = this.#graph.node(id);
    const info = DEFAULT_OPS.get(node.op);
    if (info?.aliases === undefined) return undefined;
    const arg = node.kwargs[info.aliases] ?? node.args[info.params?.indexOf(info.aliases) ?? -1];
    return arg?.kind === 'value' ? arg.id : undefined;
  }
}
