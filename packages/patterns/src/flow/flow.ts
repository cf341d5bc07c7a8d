import type { DType } from '@arfuse/contract';
import {
  dimEquals,
  type Graph,
  lastDim,
  type Node,
  type NodeId,
  opBase,
  type ValueId,
} from '@arfuse/graph';
import { dtypeArg, numberOf, valueOf } from './args.ts';
import { flowRole } from './look-through.ts';

/** A node that reads data, directly or through look-through nodes. `node` is null for the program's outputs. */
export interface Reader {
  readonly node: Node | null;
  /** The value as it is read. */
  readonly value: ValueId;
  /** Whether the reader sees the data cast to a wider dtype, which is exact. */
  readonly wide: boolean;
}

/** All names of one piece of data, and who reads it. */
export interface DataClass {
  readonly root: ValueId;
  readonly members: ReadonlySet<ValueId>;
  readonly readers: readonly Reader[];
}

/** Ops whose result is their second argument. */
const COPIES = new Set(['aten.copy', 'aten.copy_', 'method.copy_']);

interface Step {
  readonly input: ValueId;
  readonly output: ValueId;
}

const WIDTH: Partial<Record<DType, number>> = { f16: 1, bf16: 1, f32: 2, f64: 3 };

/** Whether every element of `from` is exact in `to`. */
export function widens(from: DType | undefined, to: DType | undefined): boolean {
  const a = from && WIDTH[from];
  const b = to && WIDTH[to];
  return a !== undefined && b !== undefined && a < b;
}

export function narrows(from: DType | undefined, to: DType | undefined): boolean {
  return widens(to, from);
}

/**
 * Where data comes from and who reads it, looking through nodes that change nothing: views that keep the last
 * dimension, copies, waits, full-range slices, casts to the same dtype and round trips through a wider one.
 * Everything is computed on demand and kept.
 */
export class Flow {
  readonly graph: Graph;
  readonly #roots = new Map<ValueId, ValueId>();
  readonly #steps = new Map<NodeId, Step | null>();
  readonly #classes = new Map<ValueId, DataClass>();
  readonly #dtypes = new Map<ValueId, DType | undefined>();
  readonly #lasts = new Map<ValueId, number | undefined>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** Dtype by annotation, else by the nearest cast before it. */
  dtype(value: ValueId): DType | undefined {
    const { type } = this.graph.value(value);
    if (type?.kind === 'tensor') return type.dtype;
    if (type !== null) return undefined;
    if (this.#dtypes.has(value)) return this.#dtypes.get(value);
    this.#dtypes.set(value, undefined);
    const node = this.graph.producer(value);
    let found: DType | undefined;
    if (node) {
      if (flowRole(node.op) === 'cast') found = castDtype(node, (v) => this.dtype(v));
      else if (passesType(node))
        for (const arg of node.args) found ??= this.#promoted(valueOf(arg));
    }
    this.#dtypes.set(value, found);
    return found;
  }

  #promoted(value: ValueId | undefined): DType | undefined {
    return value === undefined ? undefined : this.dtype(value);
  }

  /** Last dimension by annotation, else by the nearest view before it; undefined when it is no constant. */
  lastDim(value: ValueId): number | undefined {
    const { type } = this.graph.value(value);
    if (type !== null) return lastDim(type);
    if (this.#lasts.has(value)) return this.#lasts.get(value);
    this.#lasts.set(value, undefined);
    const node = this.graph.producer(value);
    let found: number | undefined;
    if (node) {
      if (flowRole(node.op) === 'view') {
        const size = node.args[1];
        const last =
          size?.kind === 'list' || size?.kind === 'tuple' ? numberOf(size.items.at(-1)) : undefined;
        found = last !== undefined && last > 0 ? last : undefined;
      } else if (passesType(node)) {
        for (const arg of node.args) {
          const input = valueOf(arg);
          if (input !== undefined) found ??= this.lastDim(input);
        }
      }
    }
    this.#lasts.set(value, found);
    return found;
  }

  /** Whether the value is a vector of one row: a weight or a bias. Untyped graph inputs are taken for one. */
  isVector(value: ValueId, hidden: number | undefined): boolean {
    const { type, node } = this.graph.value(this.root(value));
    if (type === null) return node === null;
    if (type.kind !== 'tensor' || type.shape.length !== 1) return false;
    return hidden === undefined || type.shape[0] === hidden;
  }

  /** The first name of the data: before every look-through node. */
  root(value: ValueId): ValueId {
    const known = this.#roots.get(value);
    if (known !== undefined) return known;
    this.#roots.set(value, value);
    const from = this.#before(value);
    const root = from === undefined ? value : this.root(from);
    this.#roots.set(value, root);
    return root;
  }

  /** The narrower data that a value is an exact widening of, or undefined. */
  widened(value: ValueId): ValueId | undefined {
    const root = this.root(value);
    const cast = this.castOf(this.graph.producer(root));
    if (!cast || cast.output !== root || !this.isWidening(cast)) return undefined;
    return this.root(cast.input);
  }

  /** The data without exact widening: equal for two values that hold the same numbers. */
  numbers(value: ValueId): ValueId {
    return this.widened(value) ?? this.root(value);
  }

  castOf(node: Node | undefined): Step | undefined {
    if (!node || flowRole(node.op) !== 'cast') return undefined;
    const input = valueOf(node.args[0] ?? node.kwargs.self ?? node.kwargs.input ?? node.kwargs.a);
    const output = this.graph.result(node)?.id;
    return input === undefined || output === undefined ? undefined : { input, output };
  }

  /** Whether a cast keeps every number. Without annotations a cast to f32 is taken for one. */
  isWidening(cast: Step): boolean {
    const from = this.dtype(cast.input);
    const to = this.dtype(cast.output);
    if (from === undefined) return to === 'f32' && this.graph.value(cast.input).type === null;
    return widens(from, to);
  }

  isNarrowing(cast: Step): boolean {
    return narrows(this.dtype(cast.input), this.dtype(cast.output));
  }

  /** The look-through and widening nodes between a value and `numbers(value)`. */
  path(value: ValueId): NodeId[] {
    const nodes: NodeId[] = [];
    const end = this.numbers(value);
    for (let at: ValueId = value; at !== end; ) {
      const node = this.graph.producer(at);
      if (!node) break;
      const step = this.#step(node) ?? this.castOf(node);
      if (!step) break;
      nodes.push(node.id);
      at = step.input;
    }
    return nodes;
  }

  /** All names of the data behind a value and its readers. `also` names further values that hold the same data. */
  dataOf(value: ValueId, also: readonly ValueId[] = []): DataClass {
    const root = this.root(value);
    const known = this.#classes.get(root);
    if (known) return known;
    const members = new Set<ValueId>([root, ...also]);
    const readers: Reader[] = [];
    for (const member of members) this.#expand(member, root, members, readers);
    const data: DataClass = { root, members, readers };
    this.#classes.set(root, data);
    return data;
  }

  #expand(member: ValueId, root: ValueId, members: Set<ValueId>, readers: Reader[]): void {
    const { graph } = this;
    if (graph.isOutput(member)) readers.push({ node: null, value: member, wide: false });
    for (const id of graph.users(member)) {
      const node = graph.node(id);
      const role = flowRole(node.op);
      if (role === 'check' || role === 'shape') continue;
      const step = this.#step(node);
      if (step && step.input === member) {
        members.add(step.output);
        continue;
      }
      const cast = role === 'cast' ? this.castOf(node) : undefined;
      if (cast && cast.input === member && this.isWidening(cast)) {
        this.#expandWide(cast.output, root, members, readers);
        continue;
      }
      readers.push({ node, value: member, wide: false });
    }
    this.#addAliasStates(member, members);
  }

  #expandWide(wide: ValueId, root: ValueId, members: Set<ValueId>, readers: Reader[]): void {
    for (const reader of this.dataOf(wide).readers) {
      const cast = this.castOf(reader.node ?? undefined);
      if (cast && cast.input === reader.value && this.root(cast.output) === root)
        members.add(cast.output);
      else readers.push({ node: reader.node, value: reader.value, wide: true });
    }
  }

  /** States of other names of a storage that the same node has changed. */
  #addAliasStates(member: ValueId, members: Set<ValueId>): void {
    const node = this.graph.producer(member);
    if (!node || this.graph.value(member).source.kind !== 'write') return;
    for (const id of node.outputs) {
      if (
        id !== member &&
        this.graph.value(id).source.kind === 'write' &&
        this.root(id) === this.root(member)
      )
        members.add(id);
    }
  }

  /** The value that a look-through or widening node reads, or undefined when the value is no result of one. */
  before(value: ValueId): ValueId | undefined {
    const from = this.#before(value);
    if (from !== undefined) return from;
    const cast = this.castOf(this.graph.producer(value));
    return cast && cast.output === value && this.isWidening(cast) ? cast.input : undefined;
  }

  #before(value: ValueId): ValueId | undefined {
    const node = this.graph.producer(value);
    if (!node) return undefined;
    const { source } = this.graph.value(value);
    if (source.kind === 'write' && source.via === 'alias')
      return this.#directState(node, source.of);
    const step = this.#step(node);
    if (step) return step.output === value ? step.input : undefined;
    const cast = this.castOf(node);
    if (!cast || cast.output !== value) return undefined;
    // A round trip through a wider dtype gives back the same numbers.
    const narrow = this.widened(cast.input);
    return narrow !== undefined && this.dtype(narrow) === this.dtype(value) ? narrow : undefined;
  }

  /** The state that a node left in the tensor that `view` is another name of. */
  #directState(node: Node, view: ValueId): ValueId | undefined {
    for (const id of node.outputs) {
      const { source } = this.graph.value(id);
      if (
        source.kind === 'write' &&
        source.via === 'direct' &&
        this.root(source.of) === this.root(view)
      )
        return id;
    }
    return undefined;
  }

  #step(node: Node): Step | undefined {
    const known = this.#steps.get(node.id);
    if (known !== undefined) return known ?? undefined;
    const step = this.#findStep(node);
    this.#steps.set(node.id, step ?? null);
    return step;
  }

  #findStep(node: Node): Step | undefined {
    const role = flowRole(node.op);
    if (role !== 'same' && role !== 'view' && role !== 'cast') return undefined;
    const copies = COPIES.has(opBase(node.op));
    const input = copies
      ? valueOf(node.args[1] ?? node.kwargs.src)
      : valueOf(
          node.args[0] ??
            node.kwargs.self ??
            node.kwargs.input ??
            node.kwargs.tensor ??
            node.kwargs.a,
        );
    const output = copies ? this.#copied(node) : this.#resultOf(node);
    if (input === undefined || output === undefined || this.#otherDevice(input, output))
      return undefined;
    if (copies && !this.#sameShape(input, output)) return undefined;
    const from = this.dtype(input);
    const to = role === 'cast' ? (this.dtype(output) ?? dtypeArg(node)) : this.dtype(output);
    if (role === 'cast') return from !== undefined && from === to ? { input, output } : undefined;
    if (from !== to) return undefined;
    if (role === 'same') return { input, output };
    return this.#keepsRows(node, input, output) ? { input, output } : undefined;
  }

  /** What a copy leaves: its result, or the state of its target, unless the caller of the program sees that. */
  #copied(node: Node): ValueId | undefined {
    for (const id of node.outputs) {
      const { source } = this.graph.value(id);
      if (source.kind === 'write') return this.#isInput(source.of) ? undefined : id;
    }
    return this.graph.result(node)?.id;
  }

  /** Whether a value is, or is a view or state of, a graph input. */
  #isInput(value: ValueId): boolean {
    const { node, source } = this.graph.value(value);
    if (source.kind === 'write') return this.#isInput(source.of);
    const step = node === null ? undefined : this.#step(this.graph.node(node));
    return node === null || (step !== undefined && this.#isInput(step.input));
  }

  #otherDevice(a: ValueId, b: ValueId): boolean {
    const left = this.graph.value(a).type;
    const right = this.graph.value(b).type;
    return (
      left?.kind === 'tensor' &&
      right?.kind === 'tensor' &&
      left.device !== undefined &&
      right.device !== undefined &&
      left.device !== right.device
    );
  }

  #sameShape(a: ValueId, b: ValueId): boolean {
    const left = this.graph.shape(a);
    const right = this.graph.shape(b);
    return (
      left !== undefined &&
      right !== undefined &&
      left.length === right.length &&
      left.every((dim, i) => dimEquals(dim, right[i]!))
    );
  }

  #resultOf(node: Node): ValueId | undefined {
    for (const id of node.outputs)
      if (this.graph.value(id).source.kind === 'write') return undefined;
    return this.graph.result(node)?.id;
  }

  /** Whether a view has the same elements in rows of the same length. */
  #keepsRows(node: Node, input: ValueId, output: ValueId): boolean {
    const before = this.graph.shape(input);
    const after = this.graph.shape(output);
    if (!before || !after) {
      const last = this.lastDim(output);
      return last !== undefined && last === this.lastDim(input);
    }
    if (this.#sameShape(input, output)) return true;
    if (/slice|narrow|getitem|expand|broadcast/.test(node.op)) return false;
    const left = before.at(-1);
    const right = after.at(-1);
    return left !== undefined && right !== undefined && dimEquals(left, right);
  }
}

/** Ops whose result has the dtype and last dimension of their first tensor; used where nothing is annotated. */
function passesType(node: Node): boolean {
  return (
    flowRole(node.op) !== null ||
    /(^|[._])(add_?|mul_?|iadd|imul|all_reduce_?|allreduce_?|rsqrt|pow)(\.|$)/.test(node.op)
  );
}

function castDtype(node: Node, dtypeOf: (value: ValueId) => DType | undefined): DType | undefined {
  const named = dtypeArg(node);
  if (named) return named;
  if (/\.(float)$/.test(node.op)) return 'f32';
  if (/\.(half)$/.test(node.op)) return 'f16';
  if (/\.(bfloat16)$/.test(node.op)) return 'bf16';
  if (/\.(double)$/.test(node.op)) return 'f64';
  const other = /type_as/.test(node.op) ? valueOf(node.args[1]) : undefined;
  return other === undefined ? undefined : dtypeOf(other);
}
