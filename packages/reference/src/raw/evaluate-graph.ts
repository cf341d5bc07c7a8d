import { UsageError } from '@arfuse/contract';
import {
  type Arg,
  evaluateDim,
  type Graph,
  type Node,
  opBase,
  type Value,
  type ValueId,
} from '@arfuse/graph';
import type { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import { type RefTensor, reshaped, sizeOf } from '../tensor/ref-tensor.ts';
import { RawCall, type RawResult } from './call.ts';
import { ALL_REDUCES, allReduceRanks } from './collectives.ts';
import { DTYPE_ARITHMETIC, type RawMode, REAL_ARITHMETIC } from './mode.ts';
import { evaluateCall } from './ops.ts';
import { dtypeOf, isList, isTensor, type RawValue } from './raw-value.ts';

/** What a graph is evaluated with. */
export interface EvaluateOptions {
  /** One tensor per rank for every input; inputs that are symbols need none. */
  readonly inputs: ReadonlyMap<ValueId, readonly RefTensor[]>;
  readonly ranks: SimulatedRanks;
  /** Values of the graph's symbols. */
  readonly symbols: Readonly<Record<string, number>>;
  readonly mode: RawMode;
  /** Nodes to evaluate, in program order; all by default. */
  readonly nodes?: readonly Node[];
}

/** Values of an evaluated graph. */
export interface Evaluation {
  /**
   * A value on every rank.
   * @throws UsageError when it was not evaluated or is no tensor
   */
  tensors(id: ValueId): readonly RefTensor[];
}

/**
 * Evaluates the raw nodes of a captured graph one by one with PyTorch's semantics, on all simulated ranks. Knows
 * nothing of sites, stages or kernels.
 * @throws UnsupportedError for an op or form that it does not know
 */
export function evaluateGraph(graph: Graph, options: EvaluateOptions): Evaluation {
  return new Evaluator(graph, options).run();
}

class Evaluator {
  readonly #graph: Graph;
  readonly #options: EvaluateOptions;
  readonly #values = new Map<ValueId, readonly RawValue[]>();

  constructor(graph: Graph, options: EvaluateOptions) {
    this.#graph = graph;
    this.#options = options;
    for (const [id, tensors] of options.inputs) {
      if (tensors.length !== options.ranks.count) {
        throw new UsageError({
          message: `input "${graph.value(id).name}" has ${tensors.length} tensors, ${options.ranks.count} ranks are simulated.`,
          hint: 'Give one tensor per rank.',
        });
      }
      this.#values.set(id, tensors);
    }
  }

  run(): Evaluation {
    for (const node of this.#options.nodes ?? this.#graph.nodes) this.#node(node);
    return {
      tensors: (id) => {
        const values = this.#values.get(id);
        if (!values?.every(isTensor)) {
          throw new UsageError({
            message: `"${this.#graph.value(id).name}" is no tensor, or was not evaluated.`,
            hint: 'Ask for a value of the evaluated nodes.',
          });
        }
        return values;
      },
    };
  }

  #node(node: Node): void {
    const { ranks, mode } = this.#options;
    const arithmetic = mode === 'real' ? REAL_ARITHMETIC : DTYPE_ARITHMETIC;
    const calls: RawCall[] = [];
    for (let rank = 0; rank < ranks.count; rank += 1) {
      const kwargs: Record<string, RawValue> = {};
      for (const key of Object.keys(node.kwargs))
        kwargs[key] = this.#argument(node.kwargs[key]!, rank);
      calls.push(
        new RawCall(
          node,
          node.args.map((arg) => this.#argument(arg, rank)),
          kwargs,
          arithmetic,
        ),
      );
    }
    const collective = ALL_REDUCES[opBase(node.op)];
    const results = collective
      ? allReduceRanks(calls, collective, ranks, this.#graph)
      : this.#everyRank(calls);
    for (const id of node.outputs) {
      const value = this.#graph.value(id);
      this.#values.set(
        id,
        results.map((result, rank) => this.#output(value, result, calls[rank]!)),
      );
    }
  }

  /** Ranks with the very same arguments share one evaluation. */
  #everyRank(calls: readonly RawCall[]): RawResult[] {
    const done: { call: RawCall; result: RawResult }[] = [];
    return calls.map((call) => {
      const twin = done.find(
        (other) =>
          call.args.every((arg, i) => isSame(arg, other.call.args[i])) &&
          Object.keys(call.kwargs).every((key) => isSame(call.kwargs[key], other.call.kwargs[key])),
      );
      if (twin) return twin.result;
      const result = evaluateCall(call);
      done.push({ call, result });
      return result;
    });
  }

  #output(value: Value, { results, states }: RawResult, call: RawCall): RawValue {
    const { source } = value;
    if (source.kind === 'result') {
      if (source.index !== null) return results[source.index] ?? null;
      return results.length === 1 ? results[0]! : results;
    }
    if (source.kind === 'input') return null;
    const state =
      states?.get(source.arg) ??
      (source.arg === '_all_bases' && states?.size === 1 ? [...states.values()][0] : undefined);
    if (state === undefined)
      return call.unsupported(`it leaves no state of argument ${JSON.stringify(source.arg)}`);
    if (isList(state))
      return (
        state[this.#position(call.node, source.arg, source.of)] ??
        call.unsupported('it leaves no state of a list item')
      );
    if (source.via === 'direct' || !isTensor(state)) return state;
    // Another view of the storage that was changed.
    const shape = this.#shape(value);
    return shape && sizeOf(shape) === state.data.length
      ? reshaped(state, shape)
      : call.unsupported('another view of a changed tensor has no known shape');
  }

  /** Index of a value in the list that is one argument. */
  #position(node: Node, key: number | string, of: ValueId): number {
    const arg = typeof key === 'number' ? node.args[key] : node.kwargs[key];
    return arg?.kind === 'list' || arg?.kind === 'tuple'
      ? arg.items.findIndex((item) => item.kind === 'value' && item.id === of)
      : -1;
  }

  #shape(value: Value): number[] | undefined {
    if (value.type?.kind !== 'tensor') return undefined;
    const dims = value.type.shape.map((dim) => evaluateDim(dim, this.#options.symbols));
    return dims.every((dim) => dim !== undefined) ? dims.map(Number) : undefined;
  }

  #argument(arg: Arg, rank: number): RawValue {
    switch (arg.kind) {
      case 'value':
        return this.#read(arg.id, rank);
      case 'int':
        return Number(arg.value);
      case 'float':
      case 'bool':
      case 'string':
        return arg.value;
      case 'none':
        return null;
      case 'ellipsis':
        return { ellipsis: true };
      case 'dtype':
        return { dtype_: arg.value };
      case 'list':
      case 'tuple':
        return arg.items.map((item) => this.#argument(item, rank));
      case 'slice':
        return {
          range: [
            this.#argument(arg.start, rank),
            this.#argument(arg.stop, rank),
            this.#argument(arg.step, rank),
          ],
        };
      case 'dim': {
        const value = evaluateDim(arg.dim, this.#options.symbols);
        return value === undefined ? { other: arg } : Number(value);
      }
      default:
        return { other: arg };
    }
  }

  #read(id: ValueId, rank: number): RawValue {
    const known = this.#values.get(id)?.[rank];
    if (known !== undefined) return known;
    const { type, name } = this.#graph.value(id);
    if (type?.kind === 'sym') {
      const value = evaluateDim(type.expr, this.#options.symbols);
      if (value !== undefined) return Number(value);
    }
    // A process group or another object: only its name counts.
    if (type?.kind === 'opaque') return { other: { kind: 'value', id } };
    throw new UsageError({
      message: `"${name}" has no value.`,
      hint: 'Give every input, and a number for every symbol.',
      details: { value: name },
    });
  }
}

/** Whether two arguments are the very same. Lists and dtypes are read anew for every rank, so what is in them counts. */
function isSame(a: RawValue | undefined, b: RawValue | undefined): boolean {
  if (a === b) return true;
  if (isList(a) && isList(b))
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  const dtype = dtypeOf(a);
  return dtype !== undefined && dtype === dtypeOf(b);
}
