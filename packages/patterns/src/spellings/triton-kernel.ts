import type { Arg, Node, ValueId } from '@arfuse/graph';
import { numberOf, valueOf } from '../flow/args.ts';
import type { CanonicalOp } from './canonical.ts';
import { type LiftContext, rejected, type Spelling } from './spelling.ts';

const NAME = 'quant/triton_kernel';
/** Calls of Triton kernels as PyTorch captures them. */
export const TRITON_WRAPPERS = [
  'higher_order.triton_kernel_wrapper_mutation',
  'higher_order.triton_kernel_wrapper_functional',
];

/** Argument names of SGLang's per-token-group FP8 quantiser (`_per_token_group_quant_8bit` in fp8_kernel.py). */
const QUANTISER = ['y_ptr', 'y_q_ptr', 'y_s_ptr'] as const;

/** Tensors that a wrapped Triton kernel is given, by the name of its parameter. */
function tensorsOf(arg: Arg | undefined): Map<string, ValueId> {
  const tensors = new Map<string, ValueId>();
  if (arg?.kind !== 'dict') return tensors;
  for (const [key, given] of arg.entries) {
    const value = valueOf(given);
    if (key.kind === 'string' && value !== undefined) tensors.set(key.value, value);
  }
  return tensors;
}

/** Whether a wrapped Triton kernel looks like SGLang's quantiser: by the names of its arguments, and FP8 elements. */
export function looksLikeQuantiser(node: Node, { flow }: LiftContext): boolean {
  const tensors = tensorsOf(node.kwargs.kwargs);
  return (
    QUANTISER.every((name) => tensors.has(name)) &&
    (flow.dtype(tensors.get(QUANTISER[1])!) ?? '').startsWith('f8')
  );
}

/**
 * Why a call of a Triton kernel is no canonical op: the graph names the kernel and its constants by their numbers in tables
 * of the process that was captured, so neither the code nor a quantiser's eps and scale form is known. A sentence without
 * a capital and a full stop.
 */
export function tritonReason(node: Node, context: LiftContext): string {
  const number = (param: string): string => {
    const index = numberOf(node.kwargs[param]);
    return index === undefined ? '' : ` ${index}`;
  };
  const looks = looksLikeQuantiser(node, context)
    ? ', which looks like a per-token-group FP8 quantiser by the names of its arguments'
    : '';
  return (
    `\`${node.name}\` (${node.op}) runs Triton kernel${number('kernel_idx')} with constants${number('constant_args_idx')} of the ` +
    `captured process${looks}; the graph holds neither its code nor its constants, so what it computes is not known`
  );
}

function lift(node: Node, context: LiftContext): CanonicalOp[] {
  const subjects = [...tensorsOf(node.kwargs.kwargs).values()];
  return subjects.length === 0 ? [] : [rejected(NAME, node, subjects, tritonReason(node, context))];
}

/** Refuses to guess what a wrapped Triton kernel computes, and says so at the all-reduce before it. */
export const TRITON_KERNEL: Spelling = {
  name: NAME,
  produces: 'quant',
  ops: TRITON_WRAPPERS,
  title: 'a Triton kernel written by a user: never matched, since the graph holds only its number',
  example:
    "higher_order.triton_kernel_wrapper_mutation(kernel_idx=6, constant_args_idx=5, grid=[(56, 1, 1)], kwargs={'y_ptr': y, 'y_q_ptr': q, 'y_s_ptr': s})",
  lift,
};
