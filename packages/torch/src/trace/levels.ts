import type { GraphLevel } from '@arfuse/graph';

/**
 * Records that hold a graph in FX text. Among those of one compile the one with the highest preference is read:
 *
 * 1. `before_post_grad_graph`: what post-grad passes see, vLLM's and custom ones included: functional ATen after
 *    Inductor's joint-graph passes, so its casts are those that will run;
 * 2. what pattern passes were given (`post_grad.N.Pass.before`), `after_joint_graph`, `aot_inference_graph`,
 *    `aot_forward_graph`, `before_joint_graph`: functional ATen, earlier;
 * 3. `inductor_post_grad_graph` / `after_post_grad_graph`: ATen again, but partly in place;
 * 4. pre-grad and Dynamo graphs: torch-level calls, which say least about casts.
 */
export interface TraceLevel {
  readonly level: GraphLevel;
  readonly preference: number;
  /** Stage of the compile pipeline. A record of an earlier stage than the one before begins another piece. */
  readonly order: number;
  /** Whether the record always begins another piece. */
  readonly begins?: true;
}

const LEVELS: Readonly<Record<string, TraceLevel>> = {
  dynamo_output_graph: { level: 'dynamo', preference: 20, order: 0 },
  before_pre_grad_graph: { level: 'dynamo', preference: 25, order: 1 },
  inductor_pre_grad_graph: { level: 'dynamo', preference: 25, order: 1 },
  after_pre_grad_graph: { level: 'dynamo', preference: 26, order: 1 },
  aot_inference_graph: { level: 'aten', preference: 80, order: 2 },
  aot_forward_graph: { level: 'aten', preference: 80, order: 2 },
  before_joint_graph: { level: 'aten', preference: 70, order: 2 },
  after_joint_graph: { level: 'aten', preference: 85, order: 2 },
  before_post_grad_graph: { level: 'aten', preference: 100, order: 3 },
  inductor_post_grad_graph: { level: 'post_grad', preference: 40, order: 5 },
  after_post_grad_graph: { level: 'post_grad', preference: 40, order: 5 },
};

/** The whole model as vLLM splits it: the one record from which nothing is left out or repeated. */
export const SPLIT_GRAPH = 'vllm_piecewise_split_graph';

/** Records that hold text like a graph's, but no graph to plan. */
const NOT_READ: Readonly<Record<string, string>> = {
  inductor_output_code: 'generated code, no captured graph',
  fx_graph_runnable: 'a repro script without types',
  aot_joint_graph: 'a joint forward and backward graph',
  aot_backward_graph: 'a backward graph',
  exported_program: 'the program before compilation; its compile is read',
  vllm_execution_code: 'generated code, no captured graph',
};

/** The plain name of a record's kind: `artifact before_post_grad_graph` → `before_post_grad_graph`. */
export function recordName(kind: string): string {
  return kind.replace(/^(artifact|graph_dump) /, '');
}

/** Level and preference of a graph record by name, or undefined when it holds no graph. */
export function traceLevel(name: string): TraceLevel | undefined {
  if (Object.hasOwn(LEVELS, name)) return LEVELS[name];
  if (name === SPLIT_GRAPH || /^vllm_submod_\d+$/.test(name)) {
    return { level: 'dynamo', preference: 10, order: 0, begins: true };
  }
  const pass = /^post_grad\.(\d+)\..+\.(before|after)$/.exec(name);
  if (!pass) return undefined;
  // The input of the first pass comes nearest to the graph before all of them.
  return pass[2] === 'before'
    ? { level: 'vllm', preference: Math.max(86, 99 - Number(pass[1])), order: 4 }
    : { level: 'vllm', preference: 15, order: 4 };
}

/** Why a record without a graph is left out. */
export function notReadReason(name: string): string {
  return Object.hasOwn(NOT_READ, name) ? NOT_READ[name]! : 'no graph record';
}
