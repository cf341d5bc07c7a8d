import type { ValueId } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node, SymbolInfo } from '../ir/graph-parts.ts';
import { formatArg, formatType, oneLine } from './format-arg.ts';

function formatValue(graph: Graph, id: ValueId): string {
  const { name, type, source } = graph.value(id);
  const text = formatType(type);
  const state = source.kind === 'write' ? ` (was ${graph.value(source.of).name})` : '';
  return `${name}${state}${text === '' ? '' : `: ${text}`}`;
}

/**
 * One line for people, in the manner of FX: `add: bf16[s0, 8] = aten.add.Tensor(x, y, alpha=1)`. The state that a
 * call leaves in an argument says so: `x__n1 (was x): bf16[s0, 8]`. Nothing reads the text back.
 */
export function formatNode(graph: Graph, node: Node): string {
  const results = node.outputs.map((id) => formatValue(graph, id));
  const args = [
    ...node.args.map((arg) => formatArg(graph, arg)),
    ...Object.entries(node.kwargs).map(([key, arg]) => `${key}=${formatArg(graph, arg)}`),
  ];
  const call = `${node.op}(${args.join(', ')})`;
  return oneLine(
    `${results.length === 0 ? node.name : results.join(', ')} = ${node.wrapper ? `${node.wrapper}: ` : ''}${call}`,
  );
}

function formatSymbol({ name, min, max, hint }: SymbolInfo): string {
  return `symbol ${name} in [${min ?? '-inf'}, ${max ?? 'inf'}]${hint === undefined ? '' : `, ${hint} when captured`}`;
}

/** A whole graph for people: symbols, inputs, calls, what it returns and which inputs it changes; then its sub-graphs. */
export function formatGraph(graph: Graph): string {
  return `${lines(graph).join('\n')}\n`;
}

function lines(graph: Graph): string[] {
  return [
    ...[...graph.symbols.values()].map((symbol) => oneLine(formatSymbol(symbol))),
    ...graph.inputs.map((id) => oneLine(`input ${formatValue(graph, id)}`)),
    ...graph.nodes.map((node) => formatNode(graph, node)),
    oneLine(`return ${graph.outputs.map((arg) => formatArg(graph, arg)).join(', ')}`.trimEnd()),
    ...graph.inputWrites.map(({ input, value }) =>
      oneLine(`leaves ${graph.value(value).name} in ${graph.value(input).name}`),
    ),
    ...[...graph.subgraphs].flatMap(([name, inner]) => [
      '',
      oneLine(`graph ${name}:`),
      ...lines(inner).map((line) => line && `  ${line}`),
    ]),
  ];
}
