import { UnsupportedError } from '@arfuse/contract';
import { DEFAULT_OPS, type Graph, type Node, type Value, type ValueId } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { isIdentifierPart, isIdentifierStart } from './characters.ts';
import { qualifiedNameOfOp } from './op-name.ts';
import { printArg, printType } from './print-arg.ts';

const isIdentifier = (text: string): boolean =>
  isIdentifierStart(text.charCodeAt(0)) &&
  [...text].every((char) => isIdentifierPart(char.charCodeAt(0)));

/** Python text of a module path: `self.a.b`, with `getattr` for names that are no identifiers. */
function modulePath(path: string): string {
  return path
    .split('.')
    .reduce(
      (owner, part) => (isIdentifier(part) ? `${owner}.${part}` : `getattr(${owner}, "${part}")`),
      'self',
    );
}

class FxPrinter {
  readonly #graph: Graph;
  readonly #lines: string[] = [];
  readonly #indent: string;

  constructor(graph: Graph, indent: string) {
    this.#graph = graph;
    this.#indent = indent;
  }

  print(name: string): string {
    const body = `${this.#indent}        `;
    const parameters = this.#graph.inputs.map((id) => this.#annotated(this.#graph.value(id)));
    this.#lines.push(`${this.#indent}class ${name}(torch.nn.Module):`);
    this.#lines.push(`${this.#indent}    def forward(${['self', ...parameters].join(', ')}):`);
    let stack: string | undefined;
    for (const node of this.#graph.nodes) {
      if (node.provenance.stack !== stack) {
        stack = node.provenance.stack;
        this.#lines.push(`${body}# ${stack ?? 'No stacktrace found for following nodes'}`);
      }
      this.#node(node, body);
    }
    const outputs = this.#graph.outputs.map((arg) => this.#arg(arg));
    this.#lines.push(`${body}return (${outputs.join(', ')}${outputs.length === 1 ? ',' : ''})`, '');
    for (const [key, graph] of this.#graph.subgraphs) {
      this.#lines.push(new FxPrinter(graph, `${this.#indent}    `).print(key));
    }
    return this.#lines.join('\n');
  }

  #arg(arg: Node['args'][number]): string {
    return printArg(arg, (id) => this.#name(id));
  }

  /** The name by which the program refers to a value: a changed tensor keeps the name that it had before. */
  #name(id: ValueId): string {
    let value = this.#graph.value(id);
    while (value.source.kind === 'write' && this.#graph.producer(value.id)?.wrapper === undefined) {
      value = this.#graph.value(value.source.of);
    }
    return value.name;
  }

  #annotated(value: Value): string {
    const type = printType(value.type);
    return type === undefined ? value.name : `${value.name}: "${type}"`;
  }

  #node(node: Node, body: string): void {
    const values = node.outputs.map((id) => this.#graph.value(id));
    const whole = values.find(
      (value) => value.source.kind === 'result' && value.source.index === null,
    );
    const items = values.flatMap((value) => {
      const index = itemIndex(node, value);
      return index === undefined ? [] : [{ value, index }];
    });
    const call = this.#call(node);
    const named = whole && items.length === 0 ? this.#annotated(whole) : node.name;
    const nothing = whole === undefined && items.length === 0 && node.wrapper === undefined;
    this.#lines.push(
      `${body}${node.op === 'raw' ? call : `${named} = ${call}`}${nothing && node.op !== 'raw' ? `;  ${node.name} = None` : ''}`,
    );
    items.sort((a, b) => a.index - b.index);
    for (const { value, index } of items)
      this.#lines.push(`${body}${this.#annotated(value)} = ${node.name}[${index}]`);
  }

  #call(node: Node): string {
    const args = node.args.map((arg) => this.#arg(arg));
    const kwargs = Object.entries(node.kwargs).map(([key, arg]) => `${key} = ${this.#arg(arg)}`);
    if (node.op === 'raw') {
      const [statement] = node.args;
      if (statement?.kind !== 'raw') {
        throw new UnsupportedError({
          message: `the raw statement ${quote(node.name)} has no text.`,
          hint: 'Only statements that an importer kept as text can be written.',
        });
      }
      return statement.text;
    }
    const qualified = qualifiedNameOfOp(node.op);
    if (node.wrapper)
      return `torch.ops.higher_order.${node.wrapper}(${[qualified, ...kwargs].join(', ')})`;
    if (node.op.startsWith('method.'))
      return `${args[0]}.${node.op.slice(7)}(${[...args.slice(1), ...kwargs].join(', ')})`;
    if (node.op.startsWith('getattr.')) return `${args[0]}.${node.op.slice(8)}`;
    if (node.op.startsWith('call_module.'))
      return `${modulePath(node.op.slice(12))}(${[...args, ...kwargs].join(', ')})`;
    return `${qualified}(${[...args, ...kwargs].join(', ')})`;
  }
}

/** Which item of a tuple result a value is; undefined for whole results and for states of changed arguments. */
function itemIndex(node: Node, value: Value): number | undefined {
  if (value.source.kind === 'result') return value.source.index ?? undefined;
  if (value.source.kind !== 'write' || node.wrapper === undefined || value.source.via !== 'direct')
    return undefined;
  const { arg } = value.source;
  const info = DEFAULT_OPS.get(node.op);
  const returns = Math.max(1, info?.returns ?? 0);
  if (node.wrapper === 'auto_functionalized_v2') {
    const base = node.kwargs[`_${arg}_base_index`];
    return base?.kind === 'int' ? returns + Number(base.value) : undefined;
  }
  const written = (info?.writes ?? []).filter(
    (param) => node.kwargs[param] !== undefined && node.kwargs[param].kind !== 'none',
  );
  const slot = written.indexOf(String(arg));
  return slot < 0 ? undefined : returns + slot;
}

/**
 * Writes a graph as FX readable text. Operators are written as calls (`operator.add(x, y)`), changed tensors by the
 * name that they had before, and sub-modules stay inlined: reading the text gives the same graph but for provenance.
 * @throws UnsupportedError for a raw node without text
 */
export function printFx(graph: Graph): string {
  return new FxPrinter(graph, '').print(graph.meta.name ?? 'GraphModule');
}
