import type { DType } from '@arfuse/contract';
import type { NodeId, ValueId } from '@arfuse/graph';
import { binaryOf, withConstant } from './elementwise.ts';
import type { LiftContext } from './spelling.ts';

/** A norm's weight behind its casts, views and Gemma's `1 + w`. */
export interface Weight {
  readonly value: ValueId;
  readonly dtype: DType | undefined;
  readonly bias: 0 | 1;
  /** Nodes that only prepare it. */
  readonly side: readonly NodeId[];
}

/**
 * Finds the parameter behind a weight operand. `1 + w` counts as a bias of one only when it is added in f32:
 * added in bf16 it is rounded, which no kernel repeats, so that sum is then a weight of its own.
 */
export function resolveWeight(operand: ValueId, { graph, flow }: LiftContext): Weight {
  const side = [...flow.path(operand)];
  const data = flow.numbers(operand);
  const sum = withConstant(binaryOf(graph, graph.producer(data)), 'add');
  if (sum?.constant === 1 && (flow.dtype(data) ?? 'f32') === 'f32') {
    side.push(graph.producer(data)!.id, ...flow.path(sum.value));
    const value = flow.numbers(sum.value);
    return { value, dtype: flow.dtype(value), bias: 1, side };
  }
  return { value: data, dtype: flow.dtype(data), bias: 0, side };
}
