import type { CaptureFacts } from '../engine.ts';
import { SGLANG } from './facts-0.5.23.ts';
import { sglangGroup } from './groups.ts';

interface Sign {
  readonly ops: RegExp;
  readonly sentence: (op: string) => string;
}

/** Ops that graphs of SGLang 0.5.23 do not hold. */
const SIGNS: readonly Sign[] = [
  {
    ops: /^(vllm|vllm_ir|_C)\./,
    sentence: (op) =>
      `The graph holds ${op}: it is a capture of vLLM, not of SGLang ${SGLANG.release}. The answer holds for the same layers in SGLang.`,
  },
  {
    ops: /^(trtllm|auto_deploy|dist)\./,
    sentence: (op) =>
      `The graph holds ${op}: it is a capture of TensorRT-LLM, not of SGLang ${SGLANG.release}.`,
  },
  {
    ops: /^(_c10d_functional|c10d|torch\.distributed|symm_mem)\.(?!wait)/,
    sentence: (op) =>
      `The graph reduces by ${op}; SGLang ${SGLANG.release} calls sglang.outplace_all_reduce or sglang.inplace_all_reduce. The answer holds for the same layers in SGLang.`,
  },
  {
    ops: /^sglang\.(flashinfer_allreduce_residual_rmsnorm|_all_reduce_residual_norm_op|_moe_finalize_all_reduce)/,
    sentence: (op) =>
      `The graph holds ${op}: SGLang fused in its layer code already, so what it fuses there is not visible as sites. Capture with enforce-disable-flashinfer-allreduce-fusion to see them.`,
  },
];

/** Sentences where a graph does not look like what SGLang 0.5.23 runs. */
export function captureWarnings({ ops, groups }: CaptureFacts): string[] {
  const names = [...ops].sort();
  const found = SIGNS.flatMap(({ ops: pattern, sentence }) => {
    const op = names.find((name) => pattern.test(name));
    return op === undefined ? [] : [sentence(op)];
  });
  const foreign = groups.filter((name) => sglangGroup(name) !== name.split(':')[0]);
  if (foreign.length > 0)
    found.push(
      `SGLang ${SGLANG.release} has no group named ${foreign.map((name) => JSON.stringify(name)).join(', ')}; it is taken as tp.`,
    );
  return found;
}
