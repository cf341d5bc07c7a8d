import { GraphError, type Place } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';
import { type Arg, eachValue, mapValues, type ValueId } from '../ir/arg.ts';
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
import { OpRegistry } from '../ops/op-registry.ts';
import { DEFAULT_OPS } from '../ops/tables/index.ts';

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
    | { readonly kind: 'list'; readonly items: readonly { readonly name: string; readonly type: ValueType | null }[] };
}

interface PendingNode {
  readonly id: NodeId;
  readonly spec: NodeSpec;
  readonly args: readonly Arg[];
  readonly kwargs: Readonly<Record<string, Arg>>;
  readonly outputs: ValueId[];
  readonly items: Map<number, ValueId>;
  whole: ValueId | undefined;
  /** Arguments that the node changes: key of the argument → value before the change. */
  readonly writes: (readonly [key: number | string, of: ValueId])[];
}

/** Storage shared by a value and its views, and the last node that changed it. */
interface Storage {
  lastWrite: { readonly node: NodeId; readonly arg: number | string; readonly clock: number } | undefined;
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
  readonly #subgraphs = new Map<string, Graph>();
  readonly #storage: Storage[] = [];
  /** Latest state of a value's own view, and when it was taken. */
  readonly #current = new Map<ValueId, { readonly id: ValueId; readonly clock: number }>();
  #clock = 0;
  #outputs: readonly Arg[] = [];

  constructor(meta: GraphMeta, options: { readonly registry?: OpRegistry } = {}) {
    this.#meta = meta;
    this.#registry = options.registry ?? DEFAULT_OPS;
  }

  /** Declares a symbol, or narrows its range. */
  symbol(info: SymbolInfo): void {
    const old = this.#symbols.get(info.name);
    this.#symbols.set(info.name, { ...old, ...info });
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
    const id = this.#define(name, type, null, { kind: 'input' }, undefined, place);
    this.#inputs.push(id);
    return id;
  }

  /** Adds a call. Read its result with {@link result} or {@link item}. */
  node(spec: NodeSpec): NodeId {
    const id = this.#nodes.length;
    const read = (value: ValueId): ValueId => this.read(value);
    const args = spec.args.map((arg) => mapValues(arg, read));
    const kwargs: Record<string, Arg> = {};
    for (const key in spec.kwargs) kwargs[key] = mapValues(spec.kwargs[key]!, read);
    const node: PendingNode = { id, spec, args, kwargs, outputs: [], items: new Map(), whole: undefined, writes: [] };
    this.#nodes.push(node);
    this.#clock += 1;

    const info = this.#registry.get(spec.op);
    if (spec.results.kind === 'one') {
      const alias = info?.aliases === undefined ? undefined : this.#argument(node, info.params, info.aliases);
      node.whole = this.#define(spec.name, spec.results.type, id, { kind: 'result', index: null }, alias, spec.place);
      node.outputs.push(node.whole);
    } else if (spec.results.kind === 'list') {
      spec.results.items.forEach((item, index) => {
        const value = this.#define(item.name, item.type, id, { kind: 'result', index }, undefined, spec.place);
        node.outputs.push(value);
        node.items.set(index, value);
      });
    }
    this.#applyWrites(node);
    if (spec.results.kind === 'one' && node.writes.length > 0 && !spec.wrapper) this.#resultIsWritten(node);
    return id;
  }

  /** The single result of a call, or a tuple result as a whole. */
  result(node: NodeId): ValueId {
    const pending = this.#nodes[node]!;
    if (pending.whole === undefined) {
      pending.whole = this.#define(
        pending.spec.name, { kind: 'list' }, node, { kind: 'result', index: null }, undefined, pending.spec.place,
      );
      pending.outputs.push(pending.whole);
    }
    return pending.whole;
  }

  /**
   * Item `index` of a tuple result. For a call inside `auto_functionalized` the items after the declared results
   * are the states of the changed arguments, and are recorded as such.
   */
  item(node: NodeId, index: number, name: string, type: ValueType | null, place?: Place): ValueId {
    const pending = this.#nodes[node]!;
    const known = pending.items.get(index);
    if (known !== undefined) return known;
    const value = this.#define(name, type, node, this.#itemSource(pending, index), undefined, place);
    pending.items.set(index, value);
    pending.outputs.push(value);
    return value;
  }

  /** Whether items can be taken from the call's result. */
  isTuple(node: NodeId): boolean {
    const kind = this.#nodes[node]!.spec.results.kind;
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

  /** The state of a value after everything so far: itself, or what the last change left. */
  read(value: ValueId): ValueId {
    const storage = this.#storage[value];
    const last = storage?.lastWrite;
    if (!storage || !last) return value;
    const current = this.#current.get(value);
    if (current && current.clock >= last.clock) return current.id;
    if (this.#bornAfter(value, last.clock)) return value;
    // Another view of the same storage was changed: this view's new state is an output of that node, too.
    const base = this.#values[value]!;
    const writer = this.#nodes[last.node]!;
    const source: ValueSource = { kind: 'write', arg: last.arg, of: current?.id ?? value, via: 'alias' };
    const state = this.#define(this.#fresh(`${base.name}__${writer.spec.name}`), base.type, last.node, source, value);
    writer.outputs.push(state);
    this.#births[state] = last.clock;
    this.#current.set(value, { id: state, clock: last.clock });
    return state;
  }

  output(args: readonly Arg[]): void {
    this.#outputs = args.map((arg) => mapValues(arg, (value) => this.read(value)));
  }

  /** A name that is not taken yet. */
  unique(name: string): string {
    return this.#names.has(name) ? this.#fresh(name) : name;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** @throws GraphError when an argument names a value that does not exist */
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
    return new Graph({
      meta: { ...this.#meta, ...meta },
      symbols: this.#symbols,
      equalities: this.#equalities,
      values: this.#values,
      nodes,
      inputs: this.#inputs,
      outputs: this.#outputs,
      inputWrites,
      subgraphs: this.#subgraphs,
    });
  }

  readonly #births: number[] = [];

  #bornAfter(value: ValueId, clock: number): boolean {
    return this.#births[value]! >= clock;
  }

  #define(
    name: string,
    type: ValueType | null,
    node: NodeId | null,
    source: ValueSource,
    aliasOf: ValueId | undefined,
    place?: Place,
  ): ValueId {
    if (this.#names.has(name)) {
      throw new GraphError({
        message: `the name "${name}" is defined twice.`,
        hint: 'Every value of a graph has one definition; the file is damaged or two graphs were joined.',
        ...(place ? { place } : {}),
        details: { name },
      });
    }
    this.#names.add(name);
    const id = this.#values.length;
    this.#values.push({ id, name, type, node, source });
    this.#births[id] = this.#clock;
    this.#storage[id] = aliasOf === undefined ? { lastWrite: undefined } : this.#storage[aliasOf]!;
    return id;
  }

  #fresh(name: string): string {
    let fresh = name;
    for (let i = 1; this.#names.has(fresh); i += 1) fresh = `${name}_${i}`;
    return fresh;
  }

  /** The value given for a parameter, by keyword or position. */
  #argument(node: PendingNode, params: readonly string[] | undefined, param: string): ValueId | undefined {
    const byName = node.kwargs[param];
    const position = params?.indexOf(param) ?? -1;
    const arg = byName ?? (position >= 0 ? node.args[position] : undefined);
    return arg?.kind === 'value' ? arg.id : undefined;
  }

  #applyWrites(node: PendingNode): void {
    const { spec } = node;
    const info = this.#registry.get(spec.op);
    const written: (readonly [key: number | string, arg: Arg])[] = [];
    if (info) {
      for (const param of info.writes ?? []) {
        const position = info.params?.indexOf(param) ?? -1;
        const given: readonly [number | string, Arg | undefined] =
          node.kwargs[param] !== undefined ? [param, node.kwargs[param]] : [position, node.args[position]];
        if (given[1]) written.push([given[0], given[1]]);
      }
    } else if (OpRegistry.writesFirstByName(spec.op)) {
      if (node.args[0]) written.push([0, node.args[0]]);
    } else if (spec.results.kind === 'none') {
      // Without a schema an op that returns nothing exists for what it changes.
      node.args.forEach((arg, i) => {
        written.push([i, arg]);
      });
      for (const key of Object.keys(node.kwargs)) written.push([key, node.kwargs[key]!]);
    }
    for (const [key, arg] of written) eachValue(arg, (of) => node.writes.push([key, of]));
    // A functionalised call changes nothing: its items are the states.
    if (spec.wrapper) return;
    for (const [key, of] of node.writes) this.#write(node, key, of);
  }

  #write(node: PendingNode, key: number | string, of: ValueId): void {
    const type = this.#values[of]!.type;
    if (type !== null && type.kind !== 'tensor') return;
    const name = this.#fresh(`${this.#values[of]!.name}__${node.spec.name}`);
    const state = this.#define(name, type, node.id, { kind: 'write', arg: key, of, via: 'direct' }, of);
    node.outputs.push(state);
    const storage = this.#storage[of]!;
    storage.lastWrite = { node: node.id, arg: key, clock: this.#clock };
    // Every name of this view now means the new state.
    for (const [name, current] of this.#current) if (current.id === of) this.#current.set(name, { id: state, clock: this.#clock });
    this.#current.set(of, { id: state, clock: this.#clock });
  }

  /** The result of an in-place op is its changed argument. */
  #resultIsWritten(node: PendingNode): void {
    const [key, of] = node.writes[0]!;
    const state = node.outputs.find((id) => {
      const source = this.#values[id]!.source;
      return source.kind === 'write' && source.arg === key && source.of === of;
    });
    if (state === undefined || node.whole === undefined) return;
    this.#current.set(node.whole, { id: state, clock: this.#clock });
    this.#storage[node.whole] = this.#storage[of]!;
    this.#births[node.whole] = -1;
  }

  #itemSource(node: PendingNode, index: number): ValueSource {
    if (!node.spec.wrapper) return { kind: 'result', index };
    const returns = Math.max(1, this.#registry.get(node.spec.op)?.returns ?? 0);
    if (index < returns) return { kind: 'result', index };
    const slot = index - returns;
    if (node.spec.wrapper === 'auto_functionalized') {
      const written = node.writes[slot];
      return written ? { kind: 'write', arg: written[0], of: written[1], via: 'direct' } : { kind: 'result', index };
    }
    // v2 returns the changed bases, in the order of `_all_bases`; `_<param>_base_index` says which one a parameter uses.
    const bases = node.kwargs._all_bases;
    const base = bases?.kind === 'list' ? bases.items[slot] : undefined;
    if (base?.kind !== 'value') return { kind: 'result', index };
    for (const [key, arg] of Object.entries(node.kwargs)) {
      const param = /^_(.*)_base_index$/.exec(key)?.[1];
      if (param !== undefined && arg.kind === 'int' && Number(arg.value) === slot) {
        return { kind: 'write', arg: param, of: base.id, via: 'direct' };
      }
    }
    return { kind: 'write', arg: '_all_bases', of: base.id, via: 'direct' };
  }
}
