import { GraphError, type Place } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';
import { type Arg, eachValue, mapKwargs, mapValues, type ValueId } from '../ir/arg.ts';
import { Graph } from '../ir/graph.ts';
import type {
  Equality,
  GraphMeta,
  Node,
  NodeId,
  Provenance,
  SymbolInfo,
  Value,
  ValueSource,
} from '../ir/graph-parts.ts';
import type { ValueType } from '../ir/type.ts';
import type { OpInfo, OpRegistry } from '../ops/op-registry.ts';
import { DEFAULT_OPS } from '../ops/tables/index.ts';
import { itemSource, type WrittenArgument, writtenArguments } from './effects.ts';

/** A call as an importer sees it. Values in `args` and `kwargs` are the ids that names were bound to. */
export interface NodeSpec {
  readonly name: string;
  readonly op: string;
  readonly args: readonly Arg[];
  readonly kwargs?: Readonly<Record<string, Arg>>;
  readonly provenance?: Provenance;
  /** Where the statement stands, for errors. */
  readonly place?: Place;
  readonly wrapper?: 'auto_functionalized' | 'auto_functionalized_v2';
  /**
   * - `one`: a single result of the given type;
   * - `none`: the call returns nothing (an unknown op is then taken to change its tensor arguments);
   * - `many`: a tuple whose items are taken with {@link GraphBuilder.item};
   * - a list: named, typed results in order.
   */
  readonly results:
    | { readonly kind: 'one'; readonly type: ValueType | null }
    | { readonly kind: 'none' }
    | { readonly kind: 'many' }
    | {
        readonly kind: 'list';
        readonly items: readonly { readonly name: string; readonly type: ValueType | null }[];
      };
}

interface PendingNode {
  readonly id: NodeId;
  readonly spec: NodeSpec;
  readonly args: readonly Arg[];
  readonly kwargs: Readonly<Record<string, Arg>>;
  readonly outputs: ValueId[];
  readonly items: Map<number, ValueId>;
  whole: ValueId | undefined;
  /** Arguments that the node changes, in schema order; one that is not given is `none`. */
  readonly writes: readonly WrittenArgument[];
}

/** Storage shared by a value and its views, and the last node that changed it. */
interface Storage {
  lastWrite:
    | { readonly node: NodeId; readonly arg: number | string; readonly clock: number }
    | undefined;
}

/** One way to look at a storage: a value and all its states, the latest of which a reference means. */
interface View {
  readonly storage: Storage;
  /** Of the first of them; names of states begin with it. */
  readonly name: string;
  latest: ValueId;
  /** Number of the call after which `latest` was the state of the storage. */
  clock: number;
}

/**
 * Builds a graph from calls in program order and turns in-place changes into SSA: after a call that changes `x`,
 * a reference to `x` (or to another view of its storage) means the state that the call left.
 */
export class GraphBuilder {
  readonly #meta: GraphMeta;
  readonly #registry: OpRegistry;
  readonly #symbols = new Map<string, SymbolInfo>();
  readonly #equalities: Equality[] = [];
  readonly #values: Value[] = [];
  readonly #nodes: PendingNode[] = [];
  readonly #inputs: ValueId[] = [];
  readonly #names = new Set<string>();
  readonly #nodeNames = new Set<string>();
  readonly #subgraphs = new Map<string, Graph>();
  /** By value. */
  readonly #views: View[] = [];
  /** By value: the calls that read it, each once. */
  readonly #users: NodeId[][] = [];
  #clock = 0;
  #outputs: readonly Arg[] = [];

  constructor(meta: GraphMeta, options: { readonly registry?: OpRegistry } = {}) {
    this.#meta = meta;
    this.#registry = options.registry ?? DEFAULT_OPS;
  }

  /** Declares a symbol, or narrows its range. */
  symbol(info: SymbolInfo): void {
    const old = this.#symbols.get(info.name);
    const min = old?.min != null && (info.min === null || old.min > info.min) ? old.min : info.min;
    const max = old?.max != null && (info.max === null || old.max < info.max) ? old.max : info.max;
    this.#symbols.set(info.name, { ...old, ...info, min, max });
  }

  hasSymbol(name: string): boolean {
    return this.#symbols.has(name);
  }

  equal(left: Dim, right: Dim): void {
    this.#equalities.push({ left, right });
  }

  subgraph(name: string, graph: Graph): void {
    this.#subgraphs.set(name, graph);
  }

  input(name: string, type: ValueType | null, place?: Place): ValueId {
    const id = this.#define(name, type, null, { kind: 'input' }, { place });
    this.#inputs.push(id);
    return id;
  }

  /**
   * Adds a call. Read its result with {@link result} or {@link item}.
   * @throws GraphError when its name is taken, or it reads a value that does not exist
   */
  node(spec: NodeSpec): NodeId {
    claim(this.#nodeNames, spec.name, 'Every call of a graph has a name of its own', spec.place);
    const id = this.#nodes.length;
    const read = (value: ValueId): ValueId => this.#use(value, id);
    const args = spec.args.map((arg) => mapValues(arg, read));
    const kwargs = mapKwargs(spec.kwargs ?? {}, read);
    const info = this.#registry.get(spec.op);
    const writes = writtenArguments(spec, info, args, kwargs);
    const node: PendingNode = {
      id,
      spec,
      args,
      kwargs,
      outputs: [],
      items: new Map(),
      whole: undefined,
      writes,
    };
    this.#nodes.push(node);
    this.#clock += 1;

    const { results, place } = spec;
    if (results.kind === 'one') {
      const aliasOf = this.#aliased(node);
      node.whole = this.#define(
        spec.name,
        results.type,
        id,
        { kind: 'result', index: null },
        { aliasOf, place },
      );
      node.outputs.push(node.whole);
    } else if (results.kind === 'list') {
      results.items.forEach((item, index) => {
        this.#defineItem(node, index, item.name, item.type, { kind: 'result', index }, place);
      });
    }
    // A functionalised call changes nothing: its items are the states.
    if (spec.wrapper) return id;
    for (const [key, arg] of writes) eachValue(arg, (of) => this.#write(node, key, of));
    if (node.whole !== undefined && writes.length > 0)
      this.#resultIsWritten(node, node.whole, info);
    return id;
  }

  /**
   * The single result of a call, or a tuple result as a whole.
   * @throws GraphError when there is no such call
   */
  result(node: NodeId): ValueId {
    const pending = this.#pending(node);
    if (pending.whole === undefined) {
      const { name, place } = pending.spec;
      pending.whole = this.#define(
        name,
        { kind: 'list' },
        node,
        { kind: 'result', index: null },
        { place },
      );
      pending.outputs.push(pending.whole);
    }
    return pending.whole;
  }

  /**
   * Item `index` of a tuple result. For a call inside `auto_functionalized` the items after the declared results
   * are the states of the changed arguments, and are recorded as such.
   * @throws GraphError when the call has no such item
   */
  item(node: NodeId, index: number, name: string, type: ValueType | null, place?: Place): ValueId {
    const pending = this.#pending(node);
    const known = pending.items.get(index);
    if (known !== undefined) return known;
    const { results } = pending.spec;
    if (results.kind !== 'many' || !Number.isInteger(index) || index < 0) {
      const has = {
        one: 'one result, which is no tuple',
        none: 'no result',
        many: 'items 0, 1, …',
      };
      const found = results.kind === 'list' ? `${results.items.length} results` : has[results.kind];
      throw new GraphError({
        message: `item ${index} of node "${pending.spec.name}" does not exist: the call has ${found}.`,
        hint: 'The file is damaged, or the call was read with the wrong number of results.',
        ...(place ? { place } : {}),
        details: { node: pending.spec.name, index },
      });
    }
    return this.#defineItem(
      pending,
      index,
      name,
      type,
      itemSource(pending, index, this.#registry.get(pending.spec.op)),
      place,
    );
  }

  /** Whether items can be taken from the call's result. */
  isTuple(node: NodeId): boolean {
    const { kind } = this.#pending(node).spec.results;
    return kind === 'many' || kind === 'list';
  }

  /** The node that defined a value, or null for an input. */
  nodeOf(value: ValueId): NodeId | null {
    return this.#values[value]!.node;
  }

  typeOf(value: ValueId): ValueType | null {
    return this.#values[value]!.type;
  }

  /** Gives a type to a value that has none yet. */
  setType(value: ValueId, type: ValueType): void {
    const old = this.#values[value]!;
    if (old.type === null || old.type.kind === 'list') this.#values[value] = { ...old, type };
  }

  /**
   * The state of a value after everything so far: itself, or what the last change left.
   * @throws GraphError when there is no such value
   */
  read(value: ValueId): ValueId {
    const view = this.#views[value];
    if (!view)
      throw new GraphError({
        message: `value ${value} does not exist in this graph.`,
        details: { id: value },
      });
    const last = view.storage.lastWrite;
    if (!last || view.clock >= last.clock) return view.latest;
    // Another view of the same storage was changed: this view's new state is an output of that node, too.
    const { type } = this.#values[value]!;
    const writer = this.#nodes[last.node]!;
    const source: ValueSource = { kind: 'write', arg: last.arg, of: view.latest, via: 'alias' };
    const state = this.#define(
      this.#fresh(`${view.name}__${writer.spec.name}`),
      type,
      last.node,
      source,
      { view },
    );
    writer.outputs.push(state);
    view.latest = state;
    view.clock = last.clock;
    return state;
  }

  output(args: readonly Arg[]): void {
    this.#outputs = args.map((arg) => mapValues(arg, (value) => this.read(value)));
  }

  /** A name that neither a value nor a call has yet. */
  unique(name: string): string {
    return this.#fresh(name);
  }

  /** Whether a value or a call has the name. */
  has(name: string): boolean {
    return this.#names.has(name) || this.#nodeNames.has(name);
  }

  /** The graph. The builder is not used after it. */
  finish(meta: Partial<GraphMeta> = {}): Graph {
    const inputWrites: { input: ValueId; value: ValueId }[] = [];
    for (const input of this.#inputs) {
      const value = this.read(input);
      if (value !== input) inputWrites.push({ input, value });
    }
    const nodes: Node[] = this.#nodes.map((pending) => ({
      id: pending.id,
      name: pending.spec.name,
      op: pending.spec.op,
      args: pending.args,
      kwargs: pending.kwargs,
      outputs: pending.outputs,
      ...(pending.spec.wrapper ? { wrapper: pending.spec.wrapper } : {}),
      provenance: pending.spec.provenance ?? {},
    }));
    const parts = {
      meta: { ...this.#meta, ...meta },
      symbols: this.#symbols,
      equalities: this.#equalities,
      values: this.#values,
      nodes,
      inputs: this.#inputs,
      outputs: this.#outputs,
      inputWrites,
      subgraphs: this.#subgraphs,
    };
    return new Graph(parts, this.#users);
  }

  /** The state of a value that a call reads. */
  #use(value: ValueId, by: NodeId): ValueId {
    const state = this.read(value);
    const users = this.#users[state]!;
    if (users.at(-1) !== by) users.push(by);
    return state;
  }

  #pending(node: NodeId): PendingNode {
    const pending = this.#nodes[node];
    if (!pending)
      throw new GraphError({
        message: `node ${node} does not exist in this graph.`,
        details: { id: node },
      });
    return pending;
  }

  #defineItem(
    node: PendingNode,
    index: number,
    name: string,
    type: ValueType | null,
    source: ValueSource,
    place: Place | undefined,
  ): ValueId {
    const value = this.#define(name, type, node.id, source, {
      aliasOf: this.#aliased(node),
      place,
    });
    node.items.set(index, value);
    node.outputs.push(value);
    return value;
  }

  /** The value is a state of `view`, a view of its own of the storage of `aliasOf`, or a storage of its own. */
  #define(
    name: string,
    type: ValueType | null,
    node: NodeId | null,
    source: ValueSource,
    {
      view,
      aliasOf,
      place,
    }: {
      readonly view?: View;
      readonly aliasOf?: ValueId | undefined;
      readonly place?: Place | undefined;
    },
  ): ValueId {
    claim(this.#names, name, 'Every value of a graph has one definition', place);
    const id = this.#values.length;
    this.#values.push({ id, name, type, node, source });
    this.#users.push([]);
    const storage =
      aliasOf === undefined ? { lastWrite: undefined } : this.#views[aliasOf]!.storage;
    this.#views.push(view ?? { storage, name, latest: id, clock: this.#clock });
    return id;
  }

  #fresh(name: string): string {
    let fresh = name;
    for (let i = 1; this.has(fresh); i += 1) fresh = `${name}_${i}`;
    return fresh;
  }

  /** The argument whose storage the results of a call share. */
  #aliased({ spec, args, kwargs }: PendingNode): ValueId | undefined {
    const info = this.#registry.get(spec.op);
    if (info?.aliases === undefined || spec.wrapper) return undefined;
    const arg = kwargs[info.aliases] ?? args[info.params?.indexOf(info.aliases) ?? -1];
    return arg?.kind === 'value' ? arg.id : undefined;
  }

  #write(node: PendingNode, key: number | string, of: ValueId): void {
    const { type } = this.#values[of]!;
    if (type !== null && type.kind !== 'tensor') return;
    const view = this.#views[of]!;
    const source: ValueSource = { kind: 'write', arg: key, of, via: 'direct' };
    const state = this.#define(
      this.#fresh(`${view.name}__${node.spec.name}`),
      type,
      node.id,
      source,
      { view },
    );
    node.outputs.push(state);
    view.latest = state;
    view.clock = this.#clock;
    view.storage.lastWrite = { node: node.id, arg: key, clock: this.#clock };
  }

  /** The result of an in-place op is its changed argument, unless the registry says otherwise. */
  #resultIsWritten(node: PendingNode, result: ValueId, info: OpInfo | undefined): void {
    const parameter = (key: number | string): string | undefined =>
      typeof key === 'number' ? info?.params?.[key] : key;
    const [key, arg] =
      node.writes.find(
        ([written]) => !info || (info.aliases !== undefined && parameter(written) === info.aliases),
      ) ?? [];
    if (key === undefined || arg?.kind !== 'value') return;
    this.#views[result] = this.#views[arg.id]!;
  }
}

/** @throws GraphError when the name is taken */
function claim(names: Set<string>, name: string, rule: string, place: Place | undefined): void {
  if (names.has(name)) {
    throw new GraphError({
      message: `the name "${name}" is defined twice.`,
      hint: `${rule}; the file is damaged or two graphs were joined.`,
      ...(place ? { place } : {}),
      details: { name },
    });
  }
  names.add(name);
}
