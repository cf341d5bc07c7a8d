import { type Arg, type NodeId, type NodeSpec, type ValueType, valueArg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import type { Binding } from './expression.ts';
import type { FxProgram } from './program.ts';
import { formatError, TRUNCATED } from './source.ts';

/** A call of a text that has one line for each node. */
export interface FlatCall {
  readonly name: string;
  readonly op: string;
  readonly args: Arg[];
  readonly kwargs: Record<string, Arg>;
  /** Types of the results: undefined where the text gives none; a list for a tuple. */
  readonly type: ValueType | null | readonly (ValueType | null)[] | undefined;
  readonly users: number | undefined;
  readonly at: number;
  readonly line: number;
}

/** Names and nodes of a graph that is printed line by line. */
export class FlatGraph {
  readonly #program: FxProgram;
  readonly #bindings = new Map<string, Binding>();
  readonly #itemTypes = new Map<NodeId, readonly (ValueType | null)[]>();

  constructor(program: FxProgram) {
    this.#program = program;
  }

  lookup(name: string): Binding | undefined {
    return this.#bindings.get(name);
  }

  input(name: string, type: ValueType | null, at: number): Arg {
    this.#refuseDuplicate(name, at);
    const arg = valueArg(this.#program.input(name, type, at));
    this.#bindings.set(name, arg);
    return arg;
  }

  /** A value by name, as an argument. */
  value(name: string): Arg | undefined {
    const binding = this.#bindings.get(name);
    return binding?.kind === 'results'
      ? valueArg(this.#program.builder.result(binding.node))
      : binding;
  }

  /**
   * Adds a call. A `getitem` of an index from results is a projection; a call whose results are only taken by
   * `getitem` (`indexed`) has several.
   */
  call(call: FlatCall, target: Binding | undefined, indexed: boolean): void {
    this.#refuseDuplicate(call.name, call.at);
    const [, index] = call.args;
    const { builder } = this.#program;
    const { name, kwargs } = call;
    let { op, args } = call;
    if (op === 'operator.getitem' && target?.kind === 'results') {
      if (index?.kind === 'int' && index.value >= 0) {
        this.#project(call, target.node, Number(index.value));
        return;
      }
      // An index from the end, or a slice, is taken of the results as a tuple.
      args = [valueArg(builder.result(target.node)), ...args.slice(1)];
    }
    let wrapper: NodeSpec['wrapper'];
    if (op === 'higher_order.auto_functionalized' || op === 'higher_order.auto_functionalized_v2') {
      const [inner] = args;
      if (inner?.kind !== 'op' || args.length !== 1) {
        formatError(
          this.#program.context.source,
          call.at,
          `${op} must take one op by position and its arguments by keyword.`,
          TRUNCATED,
        );
      }
      wrapper =
        op === 'higher_order.auto_functionalized'
          ? 'auto_functionalized'
          : 'auto_functionalized_v2';
      op = inner.name;
      args = [];
    }
    const tuple = Array.isArray(call.type) || wrapper !== undefined || (indexed && !call.type);
    const results: NodeSpec['results'] = tuple
      ? { kind: 'many' }
      : call.type === undefined && call.users === 0
        ? { kind: 'none' }
        : { kind: 'one', type: (call.type as ValueType | null | undefined) ?? null };
    const provenance = { line: call.line };
    const id = this.#program.node(
      { name, op, args, kwargs, results, provenance, ...(wrapper ? { wrapper } : {}) },
      call.at,
    );
    if (Array.isArray(call.type)) this.#itemTypes.set(id, call.type);
    if (results.kind === 'many') this.#bindings.set(name, { kind: 'results', node: id });
    else if (results.kind === 'one') this.#bindings.set(name, valueArg(builder.result(id)));
  }

  #project(call: FlatCall, node: NodeId, at: number): void {
    const type = Array.isArray(call.type)
      ? null
      : ((call.type as ValueType | null | undefined) ?? this.#itemTypes.get(node)?.[at] ?? null);
    this.#bindings.set(
      call.name,
      valueArg(this.#program.builder.item(node, at, this.#program.unique(call.name), type)),
    );
  }

  bind(name: string, binding: Binding): void {
    this.#bindings.set(name, binding);
  }

  #refuseDuplicate(name: string, at: number): void {
    if (this.#bindings.has(name)) {
      formatError(
        this.#program.context.source,
        at,
        `the name ${quote(name)} is defined twice.`,
        'Every value of a graph has one definition; the file is damaged or two graphs were joined.',
      );
    }
  }
}
