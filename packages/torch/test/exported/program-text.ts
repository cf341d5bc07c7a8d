import { ArfuseError } from '@arfuse/contract';
import type { Graph, Node } from '@arfuse/graph';
import { readExportedProgram } from '../../src/exported/index.ts';

/** A program of schema 8.20 with the given parts. */
export function program(parts: {
  nodes: unknown[];
  inputs?: string[];
  outputs?: unknown[];
  inputSpecs?: unknown[];
  outputSpecs?: unknown[];
  graph?: Record<string, unknown>;
  top?: Record<string, unknown>;
}): string {
  const inputs = parts.inputs ?? ['x', 'y'];
  const outputs = parts.outputs ?? [];
  const tensor = {
    dtype: 13,
    sizes: [{ as_expr: { expr_str: 's0', hint: { as_int: 8 } } }, { as_int: 64 }],
    device: { type: 'cuda', index: 0 },
    strides: [{ as_int: 64 }, { as_int: 1 }],
    layout: 7,
  };
  const names = [...inputs, 'a', 'b', 'c'];
  return JSON.stringify({
    graph_module: {
      graph: {
        inputs: inputs.map((name) => ({ as_tensor: { name } })),
        outputs,
        nodes: parts.nodes,
        tensor_values: Object.fromEntries(names.map((name) => [name, tensor])),
        sym_int_values: {},
        sym_bool_values: {},
        ...parts.graph,
      },
      signature: {
        input_specs:
          parts.inputSpecs ??
          inputs.map((name) => ({ user_input: { arg: { as_tensor: { name } } } })),
        output_specs: parts.outputSpecs ?? outputs.map((arg) => ({ user_output: { arg } })),
      },
    },
    range_constraints: { s0: { min_val: 2, max_val: null } },
    schema_version: { major: 8, minor: 20 },
    torch_version: '2.15.0',
    ...parts.top,
  });
}

export const t = (name: string) => ({ as_tensor: { name } });
export const call = (
  target: string,
  inputs: [string, unknown, number?][],
  outputs: unknown[],
  more: object = {},
) => ({
  target,
  inputs: inputs.map(([name, arg, kind]) => ({ name, arg, kind: kind ?? 1 })),
  outputs,
  metadata: {},
  ...more,
});

export function node(graph: Graph, name: string): Node {
  const found = graph.nodeByName(name);
  if (!found) throw new Error(`no node ${name}`);
  return found;
}

export function failure(text: string): ArfuseError {
  try {
    readExportedProgram(text, { source: 'm.json' });
  } catch (error) {
    if (ArfuseError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('accepted');
}
