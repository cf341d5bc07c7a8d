import { LimitError, type Place } from '@arfuse/contract';
import { type Arg, type Graph, GraphBuilder, type GraphMeta, type NodeSpec } from '@arfuse/graph';
import type { JsonObject, JsonValue } from '../json/parse-json.ts';
import { quote } from '../quote.ts';
import { readArgument } from './arguments.ts';
import { type Definition, definedBy } from './definitions.ts';
import { opOfTarget } from './op-target.ts';
import { nodeProvenance } from './provenance.ts';
import { type ProgramContext, Scope } from './scope.ts';

/** A result of a node, with its place in the tuple. */
interface Result extends Definition {
  readonly index: number;
}

class GraphReader {
  readonly #context: ProgramContext;
  readonly #scope: Scope;
  readonly #builder: GraphBuilder;
  readonly #graph: JsonObject;

  constructor(context: ProgramContext, value: JsonValue | undefined, meta: GraphMeta) {
    this.#context = context;
    this.#graph = context.reader.object(value, 'a graph');
    this.#builder = new GraphBuilder(meta);
    this.#scope = new Scope(context, this.#builder, this.#graph);
  }

  read(): Graph {
    const { reader } = this.#context;
    reader.at('inputs', () =>
      reader.each(this.#graph.inputs, 'the inputs', (input) => this.#input(input)),
    );
    reader.at('nodes', () => {
      const nodes = reader.array(this.#graph.nodes, 'the nodes');
      if (nodes.length > this.#context.maxNodes) {
        throw new LimitError({
          message: `the graph has ${nodes.length} nodes; the limit is ${this.#context.maxNodes}.`,
          hint: 'Raise limits.maxNodes if the file is to be trusted.',
          place: reader.place(),
          details: { nodes: nodes.length, maxNodes: this.#context.maxNodes },
        });
      }
      const pointer = reader.pointer();
      const place = reader.place();
      nodes.forEach((node, index) => {
        reader.at(index, () =>
          this.#node(node, `${pointer}/${index}`, {
            ...place,
            pointer: `${place.pointer}/${index}`,
          }),
        );
      });
    });
    const outputs = reader.at('outputs', () =>
      reader.each(this.#graph.outputs, 'the outputs', (output) => this.#argument(output)),
    );
    this.#builder.output(outputs);
    return this.#builder.finish();
  }

  #input(value: JsonValue): void {
    // Specialised constants (`as_bool`, `as_none`, …) are part of the signature, not values.
    for (const defined of definedBy(this.#scope, value)) {
      if (!defined) continue;
      const id = this.#builder.input(defined.name, defined.type, this.#context.reader.place());
      this.#scope.bind(defined.name, id);
    }
  }

  #argument(value: JsonValue | undefined): Arg {
    return readArgument(this.#scope, value, (graph) => this.#subgraph(graph));
  }

  #subgraph(value: JsonValue): string {
    const { reader } = this.#context;
    const object = reader.object(value, 'a sub-graph');
    const name = this.#builder.unique(reader.string(object.name, 'the name of a sub-graph'));
    const graph = reader.at('graph', () =>
      new GraphReader(this.#context, object.graph, {
        format: 'exported-program',
        level: 'aten',
        name,
      }).read(),
    );
    this.#builder.subgraph(name, graph);
    return name;
  }

  #node(value: JsonValue, pointer: string, place: Place): void {
    const { reader } = this.#context;
    const node = reader.object(value, 'a node');
    const target = reader.string(node.target, 'the target of a node');
    const call = this.#call(target, node);
    const results = reader.at('outputs', () => this.#results(node.outputs));
    const single =
      results.values.length === 1 && results.slots === 1 ? results.values[0] : undefined;
    const name = single?.name ?? this.#nodeName(node, target);
    const metadata =
      typeof node.metadata === 'object' && node.metadata !== null
        ? (node.metadata as JsonObject)
        : undefined;
    const id = this.#builder.node({
      ...call,
      name,
      provenance: nodeProvenance(metadata, pointer, this.#context),
      place,
      results: single
        ? { kind: 'one', type: single.type }
        : { kind: results.values.length === 0 ? 'none' : 'many' },
    });
    if (single) this.#scope.bind(single.name, this.#builder.result(id));
    else {
      for (const { index, name: item, type } of results.values) {
        this.#scope.bind(item, this.#builder.item(id, index, item, type, place));
      }
    }
  }

  /** Op and arguments; a functionalising wrapper is taken off and remembered. */
  #call(target: string, node: JsonObject): Pick<NodeSpec, 'op' | 'args' | 'kwargs' | 'wrapper'> {
    const { reader } = this.#context;
    const op = opOfTarget(target);
    const args: Arg[] = [];
    const kwargs: Record<string, Arg> = {};
    reader.at('inputs', () =>
      reader.each(node.inputs, 'the inputs of a node', (input) => {
        const named = reader.object(input, 'a named argument');
        const name = reader.string(named.name, 'the name of an argument');
        const arg = reader.at('arg', () => this.#argument(named.arg));
        // Kind 1 is positional, 2 keyword; older files have no kind, but schema names.
        if (named.kind === 1 || name === '') args.push(arg);
        else if (name === '__proto__' || Object.hasOwn(kwargs, name))
          reader.fail(`the argument ${quote(name)} is given twice, or is none.`);
        else kwargs[name] = arg;
      }),
    );
    if (op !== 'higher_order.auto_functionalized' && op !== 'higher_order.auto_functionalized_v2') {
      return { op, args, kwargs };
    }
    const [inner, ...rest] = args;
    if (inner?.kind !== 'op' || rest.length > 0) {
      return reader.fail(`${op} must take one op by position and its arguments by keyword.`);
    }
    return {
      op: inner.name,
      args: [],
      kwargs,
      wrapper:
        op === 'higher_order.auto_functionalized'
          ? 'auto_functionalized'
          : 'auto_functionalized_v2',
    };
  }

  #results(value: JsonValue | undefined): { slots: number; values: Result[] } {
    const slots = this.#context.reader
      .each(value, 'the outputs of a node', (output) => definedBy(this.#scope, output))
      .flat();
    return {
      slots: slots.length,
      values: slots.flatMap((slot, index) => (slot === null ? [] : [{ index, ...slot }])),
    };
  }

  /** Names of nodes without a value of their own: the file's (8.16 and later), else made from the op. */
  #nodeName(node: JsonObject, target: string): string {
    const given = typeof node.name === 'string' && node.name !== '' ? node.name : undefined;
    const name = this.#builder.unique(given ?? opOfTarget(target).replaceAll('.', '_'));
    if (!this.#names.has(name)) {
      this.#names.set(name, 1);
      return name;
    }
    const count = this.#names.get(name)!;
    this.#names.set(name, count + 1);
    return this.#builder.unique(`${name}_${count}`);
  }

  readonly #names = new Map<string, number>();
}

/** Reads a `Graph` of the schema, with its sub-graphs. */
export function readGraphJson(
  context: ProgramContext,
  value: JsonValue | undefined,
  meta: GraphMeta,
): Graph {
  return new GraphReader(context, value, meta).read();
}
