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
    const writers = new Map<ValueId, NodeId[]>();
    for (const node of this.#graph.nodes) {
      // A functionalised call leaves its arguments as they are.
      if (node.wrapper) continue;
      for (const id of node.outputs) {
        const { source } = this.#graph.value(id);
        if (source.kind !== 'write') continue;
        const root = this.#root(source.of);
        const list = writers.get(root);
        if (!list) writers.set(root, [node.id]);
        else if (list.at(-1) !== node.id) list.push(node.id);
      }
    }
    return writers;
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
