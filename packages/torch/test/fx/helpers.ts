import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Arg, Graph, Node } from '@arfuse/graph';
import { opBase } from '@arfuse/graph';
import { parseFx } from '../../src/fx/index.ts';

const shared =
  process.env.ARFUSE_SHARED_FIXTURES ??
  fileURLToPath(new URL('../../../../../shared/fixtures/', import.meta.url));

/** Why tests on real dumps do not run, or undefined when the folder is there. */
export const noFixtures = existsSync(shared) ? undefined : `no third-party captures at ${shared}`;

export function fixture(path: string): string {
  const bytes = readFileSync(join(shared, path));
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** Every file below a fixture folder, by its path from the fixtures' root, sorted. */
export function fixtureFiles(folder: string): string[] {
  return readdirSync(join(shared, folder))
    .sort()
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      return statSync(join(shared, path)).isDirectory() ? fixtureFiles(path) : [path];
    });
}

/** The only graph of a text. */
export function graphOf(text: string): Graph {
  const graphs = parseFx(text);
  if (graphs.length !== 1) throw new Error(`expected one graph, found ${graphs.length}`);
  return graphs[0]!.graph;
}

/** A graph with the given body, parameters `x` and `y`. */
export function bodyOf(...lines: string[]): Graph {
  return graphOf(
    [
      'class GraphModule(torch.nn.Module):',
      '    def forward(self, x: "f32[s0, 8]", y: "f32[s0, 8]"):',
      ...lines.map((line) => `        ${line}`),
      '',
    ].join('\n'),
  );
}

/** An argument as short text: values by name. */
export function show(graph: Graph, arg: Arg): unknown {
  switch (arg.kind) {
    case 'value':
      return `%${graph.value(arg.id).name}`;
    case 'list':
    case 'tuple':
      return arg.items.map((item) => show(graph, item));
    case 'none':
      return null;
    case 'int':
    case 'float':
    case 'bool':
    case 'string':
      return arg.value;
    default:
      return arg;
  }
}

/** `[op, ...args]` of a node. */
export function call(graph: Graph, node: Node | undefined): unknown[] {
  if (!node) throw new Error('there is no such node');
  return [node.op, ...node.args.map((arg) => show(graph, arg))];
}

const ALL_REDUCE = new Set([
  '_c10d_functional.all_reduce',
  '_c10d_functional.all_reduce_',
  'vllm.all_reduce',
  'sglang.inplace_all_reduce',
  '_C.shm_allreduce',
]);

export function allReduces(graph: Graph): number {
  return graph.nodes.filter((node) => ALL_REDUCE.has(opBase(node.op))).length;
}

/** Everything that a graph says, by name instead of by id; without provenance. */
export function canonical(graph: Graph): string[] {
  const name = (id: number): string => graph.value(id).name;
  const replace = (_key: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
      return Object.is(value, -0) ? '-0' : String(value);
    if (
      typeof value === 'object' &&
      value !== null &&
      'kind' in value &&
      value.kind === 'value' &&
      'id' in value
    )
      return `%${name(Number(value.id))}`;
    return value;
  };
  return [
    graph.meta.level,
    JSON.stringify([...graph.symbols.keys()].sort()),
    ...graph.inputs.map((id) => JSON.stringify([name(id), graph.value(id).type], replace)),
    ...graph.nodes.map((node) =>
      JSON.stringify(
        [
          node.name,
          node.op,
          node.wrapper,
          node.args,
          node.kwargs,
          node.outputs.map((id) => {
            const { source, type } = graph.value(id);
            return [
              name(id),
              type,
              source.kind === 'write' ? [source.arg, name(source.of), source.via] : source,
            ];
          }),
        ],
        replace,
      ),
    ),
    JSON.stringify(graph.outputs, replace),
    JSON.stringify(graph.inputWrites.map(({ input, value }) => [name(input), name(value)])),
    ...[...graph.subgraphs].flatMap(([key, sub]) => [key, ...canonical(sub)]),
  ];
}
