import { describe, expect, it } from 'vitest';
import { INPUTS } from '../../../patterns/test/chains.ts';
import { program } from '../../../patterns/test/program.ts';
import { describeFailures, verify } from '../../src/index.ts';
import { planFor } from './graphs.ts';

const REDUCED = "\n a: bf16[T,64] = vllm.all_reduce.default(x, '0')";

/** Ops of engines that are one norm, or an all-reduce in a form of its own. */
const TEXTS: Readonly<Record<string, string>> = {
  'AutoDeploy, Triton': `${REDUCED}
  y: bf16[T,64] = auto_deploy.triton_rms_norm.default(a, w, 1e-05)
  -> y`,
  'AutoDeploy, Triton, with the addition': `${REDUCED}
  y, s: bf16[T,64], bf16[T,64] = auto_deploy.triton_fused_add_rms_norm.default(a, r, w, 1e-05)
  -> y, s`,
  'AutoDeploy, FlashInfer in place': `${REDUCED}
  k: bf16[T,64] = aten.relu.default(r)
  auto_deploy.flashinfer_fused_add_rms_norm_inplace.default(a, k, w, 1e-05)
  y: bf16[T,64] = aten.relu.default(a)
  s: bf16[T,64] = aten.relu.default(k)
  -> y, s`,
  'TensorRT-LLM, FlashInfer functionalised': `${REDUCED}
  _, y, s: none, bf16[T,64], bf16[T,64] = af trtllm.flashinfer_fused_add_rmsnorm.default(input=a, residual=r, weight=w, eps=1e-05)
  -> y, s`,
  'TensorRT-LLM, FlashInfer, Gemma': `${REDUCED}
  y: bf16[T,64] = trtllm.flashinfer_gemma_rmsnorm.default(a, w, 1e-05)
  -> y`,
  'vLLM Ascend': `${REDUCED}
  y, _, s: bf16[T,64], none, bf16[T,64] = _C_ascend.npu_add_rms_norm_bias.default(a, r, w, None, 1e-05)
  -> y, s`,
  'SGLang, all-reduce into a buffer': `
  o: bf16[T,64] = aten.empty_like.default(x)
  sglang._all_reduce_residual_norm_op.default(2, 64, 1, o, x, None, 0.0, None, None, 0.0, False, 1)
  y: bf16[T,64] = vllm_ir.rms_norm.default(o, w, 1e-05)
  -> y`,
  'TensorRT-LLM, all-reduce': `
  a, _: bf16[T,64], none = trtllm.tunable_allreduce.default(x, None, None, None, None, None, [0, 1], 3, 0, 1e-05, True)
  y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r, w, 1e-05)
  -> y, s`,
  'vLLM, FP8 with a given scale': `${REDUCED}
  y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r, w, 1e-05)
  b: f8e4m3fn[T,64] = aten.empty.memory_format([1, 64])
  _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)
  -> q, s`,
  'vLLM, FP8 per group by powers of two': `${REDUCED}
  y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r, w, 1e-05)
  b: f8e4m3fn[T,64] = aten.empty.memory_format([1])
  t: f32[T,4][4,1] = aten.empty.memory_format([1])
  _, q, z: none, f8e4m3fn[T,64], f32[T,4] = af _C.per_token_group_fp8_quant.default(input=y, output_q=b, output_s=t, group_size=16, eps=1e-10, fp8_min=-448.0, fp8_max=448.0, scale_ue8m0=True, dummy_is_scale_transposed=False, dummy_is_tma_aligned=False)
  -> q, z, s`,
};

describe('verify', () => {
  it.each(Object.keys(TEXTS))('proves "%s" in every dtype', (name) => {
    for (const dtype of ['bf16', 'f16', 'f32'] as const) {
      const graph = program(`${INPUTS}${TEXTS[name]}`.replaceAll('bf16', dtype));
      const plan = planFor(graph);
      expect(plan.sites).toHaveLength(1);
      expect(describeFailures(verify(plan, { graph }))).toEqual([]);
    }
  });
});
