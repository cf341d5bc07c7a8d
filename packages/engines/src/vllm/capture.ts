import type { CaptureFacts } from '../engine.ts';

/** What an op says about the capture that holds it. */
interface Sign {
  readonly ops: RegExp;
  /** Whether graphs of the named version hold it. */
  readonly sentence: (op: string, version: string) => string;
}

/** Ops that graphs of vLLM 0.32 and 0.33 do not hold in front of the fusion. */
const SIGNS: readonly Sign[] = [
  {
    ops: /^_C\.(rms_norm|fused_add_rms_norm)(\.|$)/,
    sentence: (op, version) =>
      `The graph spells norms as ${op}, as vLLM did up to 0.11 or so; vLLM ${version} matches vllm_ir norms in front of its lowering (vllm_ir.rms_norm, vllm_ir.fused_add_rms_norm). Capture it with ${version} to be sure.`,
  },
  {
    ops: /^(_c10d_functional|c10d|torch\.distributed|symm_mem)\.(?!wait)/,
    sentence: (op, version) =>
      `The graph reduces by ${op}; vLLM ${version} calls vllm.all_reduce, and its patterns match nothing else. The answer holds for the same model in vLLM.`,
  },
  {
    ops: /^sglang\./,
    sentence: (op, version) =>
      `The graph holds ${op}: it is a capture of SGLang, not of vLLM ${version}.`,
  },
  {
    ops: /^(trtllm|auto_deploy|dist)\./,
    sentence: (op, version) =>
      `The graph holds ${op}: it is a capture of TensorRT-LLM, not of vLLM ${version}.`,
  },
  {
    ops: /^vllm\.flashinfer_trtllm_fused_allreduce_norm/,
    sentence: (op, version) =>
      `The graph holds ${op}: it was dumped after vLLM's fusion, so what vLLM ${version} fuses is not visible as sites. Give the graph from before the pass.`,
  },
  {
    ops: /^vllm\.inplace_all_reduce/,
    sentence: (op, version) =>
      `The graph reduces by ${op}, as vLLM did before 0.9; vLLM ${version} calls vllm.all_reduce.`,
  },
];

/** Sentences where a graph does not look like what the named vLLM version captures. */
export function captureWarnings({ ops }: CaptureFacts, version: string): string[] {
  const found: string[] = [];
  for (const { ops: pattern, sentence } of SIGNS) {
    const op = [...ops].sort().find((name) => pattern.test(name));
    if (op !== undefined) found.push(sentence(op, version));
  }
  const lifted = [...ops].some((name) => name.startsWith('vllm_ir.'));
  const custom = [...ops].some((name) => /^_C\.(fused_add_)?rms_norm/.test(name));
  const reduces = [...ops].some((name) => name.startsWith('vllm.all_reduce'));
  if (reduces && !lifted && !custom && [...ops].some((name) => /rsqrt/.test(name))) {
    found.push(
      `The graph spells norms out (rsqrt, mul); vLLM ${version} matches vllm_ir norms before they are lowered, so a graph from after the lowering shows chains that its matcher saw in another form.`,
    );
  }
  return found;
}
