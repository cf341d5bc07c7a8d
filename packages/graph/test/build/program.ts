import type { DType } from '@arfuse/contract';
import {
  type Arg,
  type Graph,
  GraphBuilder,
  type Node,
  type NodeId,
  type NodeSpec,
  type OpRegistry,
  parseDim,
  type TensorType,
  type ValueId,
  valueArg,
} from '../../src/index.ts';

/** `bf16[s0, 8]` as a type. */
export function tensor(shape = 's0, 8', dtype: DType = 'bf16'): TensorType {
  return { kind: 'tensor', dtype, shape: shape.split(', ').map((dim) => parseDim(dim)) };
}

type Given = ValueId | Arg;

const toArg = (given: Given): Arg => (typeof given === 'number' ? valueArg(given) : given);

/** A builder with short calls for tests. */
export class Program {
  readonly builder: GraphBuilder;
  #count = 0;

  constructor(registry?: OpRegistry) {
    this.builder = new GraphBuilder(
      { format: 'test', level: 'aten' },
      registry ? { registry } : {},
    );
  }

  input(name: string): ValueId {
    return this.builder.input(name, tensor());
  }

  node(op: string, args: readonly Given[], rest: Partial<NodeSpec> = {}): NodeId {
    this.#count += 1;
    return this.builder.node({
      name: `n${this.#count}`,
      op,
      args: args.map(toArg),
      results: { kind: 'one', type: tensor() },
      ...rest,
    });
  }

  /** A call with one tensor result. */
  call(op: string, ...args: readonly Given[]): ValueId {
    return this.builder.result(this.node(op, args));
  }

  /** A call that returns nothing. */
  effect(op: string, ...args: readonly Given[]): NodeId {
    return this.node(op, args, { results: { kind: 'none' } });
  }

  finish(...outputs: readonly Given[]): Graph {
    this.builder.output(outputs.map(toArg));
    return this.builder.finish();
  }
}

/** The names of the values that a node reads by position. */
export function reads(graph: Graph, node: NodeId | Node): string[] {
  const { args } = typeof node === 'number' ? graph.node(node) : node;
  return args.flatMap((arg) => (arg.kind === 'value' ? [graph.value(arg.id).name] : []));
}

/** Names of what the program returns. */
export function returned(graph: Graph): string[] {
  return graph.outputs.flatMap((arg) => (arg.kind === 'value' ? [graph.value(arg.id).name] : []));
}
