import { ArfuseError } from '@arfuse/contract';
import { eachValue } from '@arfuse/graph';

/**
 * What is wrong with a graph that was accepted; undefined when it holds together.
 *
 * @param {import('@arfuse/graph').Graph} graph
 * @returns {string | undefined}
 */
export function graphProblem(graph) {
  const defined = new Set(graph.inputs);
  const names = new Set();
  /** @param {readonly import('@arfuse/graph').Arg[]} args @param {string} where */
  const use = (args, where) => {
    /** @type {string | undefined} */
    let problem;
    for (const arg of args) {
      eachValue(arg, (id) => {
        if (!defined.has(id)) problem ??= `${where} reads value ${id} before it is defined`;
      });
    }
    return problem;
  };
  for (const node of graph.nodes) {
    if (names.has(node.name)) return `two nodes are called "${node.name}"`;
    names.add(node.name);
    // A statement that is kept as text is fine, unless it is the very op that the program is read for.
    const hidden =
      node.op === 'raw' &&
      node.args.find((arg) => arg.kind === 'raw' && arg.text.includes('all_reduce'));
    if (hidden) return `node "${node.name}" keeps an all-reduce as text that nobody reads`;
    const problem = use([...node.args, ...Object.values(node.kwargs)], `node "${node.name}"`);
    if (problem) return problem;
    for (const output of node.outputs) {
      if (graph.values[output] === undefined)
        return `node "${node.name}" defines value ${output}, which does not exist`;
      defined.add(output);
    }
  }
  for (const subgraph of graph.subgraphs.values()) {
    const problem = graphProblem(subgraph);
    if (problem) return problem;
  }
  return use(graph.outputs, 'the output');
}

/**
 * What is wrong with an error; undefined for a typed one that says where and what to do.
 *
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function errorProblem(error) {
  if (!ArfuseError.isInstance(error)) {
    return `untyped error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  if (!error.place?.file) return `${error.code} names no file: ${error.message}`;
  if (!error.hint) return `${error.code} does not say what to do: ${error.message}`;
  if (error.message.length > 5000)
    return `${error.code} has a message of ${error.message.length} characters`;
  return undefined;
}
