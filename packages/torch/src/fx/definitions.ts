import {
  type Arg,
  type Graph,
  NONE,
  type NodeSpec,
  type Provenance,
  type ValueType,
  valueArg,
} from '@arfuse/graph';
import { quote } from '../quote.ts';
import { unify } from './body-inputs.ts';
import { mayReturnNothing } from './effects.ts';
import type { Binding, Expression } from './expression.ts';
import type { FxProgram } from './program.ts';
import { type FxSource, formatError, TRUNCATED } from './source.ts';
import type { StatementCursor } from './statement-cursor.ts';
import type { ModuleText } from './structure.ts';
import { childModule, positionalArguments, refuseMissingModule } from './sub-modules.ts';

type Call = Extract<Expression, { kind: 'call' }>;
type ModuleCall = Extract<Expression, { kind: 'module' }>;

/** How an expression is named. */
export interface Target {
  readonly name: string;
  readonly at: number;
  /** Undefined without an annotation, null for one that says nothing. */
  readonly type?: ValueType | null | undefined;
  /** The name is freed on the same line: nobody reads it. */
  readonly dropped?: boolean;
  /** The results are unpacked into several names. */
  readonly unpacked?: boolean;
}

/** The module whose statements are defined, and how other modules are read. */
export interface DefinitionContext {
  readonly program: FxProgram;
  readonly module: ModuleText;
  /** Path of the module from the root, '' for the root. */
  readonly path: string;
  readonly cursor: StatementCursor;
  /** Provenance of the statement at hand. */
  readonly where: () => Provenance;
  /** Runs the body of a sub-module into the same graph and gives what it returns. */
  readonly inline: (child: ModuleText, path: string, given: readonly Arg[]) => Arg;
  /** Reads a sub-module as a graph of its own. */
  readonly read: (name: string, child: ModuleText) => Graph;
}

/** Turns expressions into nodes, projections, aliases and inlined sub-modules. */
export class Definitions {
  readonly #program: FxProgram;
  readonly #source: FxSource;
  readonly #module: ModuleText;
  readonly #path: string;
  readonly #cursor: StatementCursor;
  readonly #where: DefinitionContext['where'];
  readonly #inline: DefinitionContext['inline'];
  readonly #read: DefinitionContext['read'];

  constructor(context: DefinitionContext) {
    this.#program = context.program;
    this.#source = context.program.context.source;
    this.#module = context.module;
    this.#path = context.path;
    this.#cursor = context.cursor;
    this.#where = context.where;
    this.#inline = context.inline;
    this.#read = context.read;
  }

  /** Gives an expression a name: a node, a projection, an alias, or an inlined sub-module. */
  define(target: Target, expression: Expression): Binding {
    const { builder } = this.#program;
    switch (expression.kind) {
      case 'call':
        return this.#call(target, expression);
      case 'module':
        return this.#callModule(target, expression);
      case 'self':
        return this.#attribute(expression.path, target);
      case 'item': {
        const name = this.#program.unique(this.#prefixed(target.name || 'item'));
        return valueArg(builder.item(expression.node, expression.index, name, target.type ?? null));
      }
      case 'value':
        if (target.type) unify(this.#program, expression, target.type);
        return expression;
      default:
        return expression;
    }
  }

  /** Item `index` of what is unpacked into several names. */
  item(whole: Binding, index: number, target: Target): Binding {
    if (whole.kind === 'results')
      return this.define(target, { kind: 'item', node: whole.node, index });
    if (whole.kind === 'tuple' || whole.kind === 'list') {
      const item = whole.items[index];
      if (!item)
        formatError(
          this.#source,
          target.at,
          `there is no item ${index} for ${quote(target.name)}.`,
          TRUNCATED,
        );
      return item;
    }
    return this.define(target, {
      kind: 'call',
      op: 'operator.getitem',
      args: [whole, { kind: 'int', value: index }],
      kwargs: undefined,
    });
  }

  #prefixed(name: string): string {
    return this.#path === '' ? name : `${this.#path.replaceAll('.', '_')}_${name}`;
  }

  #call(target: Target, call: Call): Binding {
    const { name, type, at, dropped, unpacked } = target;
    let { op, args } = call;
    let wrapper: NodeSpec['wrapper'];
    if (op === 'higher_order.auto_functionalized' || op === 'higher_order.auto_functionalized_v2') {
      const [inner] = args;
      if (inner?.kind !== 'op' || args.length !== 1) {
        formatError(
          this.#source,
          at,
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
    const untyped = type === undefined && name !== '' && !dropped;
    const many = wrapper !== undefined || unpacked || (untyped && this.#cursor.isIndexed(name));
    const results: NodeSpec['results'] = many
      ? { kind: 'many' }
      : type === undefined && dropped && mayReturnNothing(op)
        ? { kind: 'none' }
        : { kind: 'one', type: type ?? null };
    const node = this.node(
      name || op.slice(op.lastIndexOf('.') + 1),
      op,
      args,
      call.kwargs,
      results,
      at,
      wrapper,
    );
    if (many) return { kind: 'results', node };
    return results.kind === 'none' ? NONE : valueArg(this.#program.builder.result(node));
  }

  node(
    name: string,
    op: string,
    args: readonly Arg[],
    kwargs: Readonly<Record<string, Arg>> | undefined,
    results: NodeSpec['results'],
    at: number,
    wrapper?: NodeSpec['wrapper'],
  ): number {
    const spec: NodeSpec = {
      name: this.#program.unique(this.#prefixed(name)),
      op,
      args,
      ...(kwargs ? { kwargs } : {}),
      provenance: this.#where(),
      ...(wrapper ? { wrapper } : {}),
      results,
    };
    return this.#program.node(spec, at);
  }

  #callModule(target: Target, call: ModuleCall): Binding {
    const { args, kwargs } = call;
    const child = childModule(this.#source, this.#module, call.path);
    if (!child) {
      refuseMissingModule(this.#source, this.#module, call.path, target.at);
      return this.#call(target, { kind: 'call', op: `call_module.${call.path}`, args, kwargs });
    }
    const given = positionalArguments(this.#source, child, call, target.at);
    const path = this.#path === '' ? call.path : `${this.#path}.${call.path}`;
    const result = this.#inline(child, path, given);
    if (target.type) unify(this.#program, result, target.type);
    return result;
  }

  /** `self.name`: a sub-graph of a higher-order op, or a constant that becomes an input. */
  #attribute(path: string, { type, at }: Target): Binding {
    const name = (this.#path === '' ? path : `${this.#path}.${path}`).replaceAll('.', '_');
    const child = childModule(this.#source, this.#module, path);
    if (!child) return valueArg(this.#program.attribute(name, type ?? null, at));
    this.#program.subgraph(name, () => this.#read(name, child));
    return { kind: 'graph', name };
  }
}
