import {
  AUTO_DEPLOY_TRITON,
  ascendAddRmsNorm,
  FLASHINFER_GEMMA,
  FLASHINFER_KERNEL,
  inPlaceAddRmsNorm,
  intoRmsNorm,
  irFusedAddRmsNorm,
  irRmsNorm,
  pureAddRmsNorm,
  pureRmsNorm,
  torchRmsNorm,
  VLLM_KERNEL,
} from '../norms.ts';
import { nvfp4, perGroupFp8, perTokenFp8, staticFp8 } from '../quantisers.ts';
import type { OpTable } from './table.ts';

/** Norms and quantisers that are one op: PyTorch's, vLLM's, SGLang's, FlashInfer's and AutoDeploy's. */
export function defineEngineOps(ops: OpTable): void {
  ops.define('vllm_ir.rms_norm', irRmsNorm);
  ops.define('vllm_ir.fused_add_rms_norm', irFusedAddRmsNorm);
  ops.define('_C.rms_norm', intoRmsNorm(VLLM_KERNEL));
  ops.define('_C.fused_add_rms_norm', inPlaceAddRmsNorm(VLLM_KERNEL));
  for (const [prefix, rule] of [
    ['', FLASHINFER_KERNEL],
    ['gemma_', FLASHINFER_GEMMA],
  ] as const) {
    ops.define(`sgl_kernel.${prefix}rmsnorm`, intoRmsNorm(rule));
    for (const family of [`flashinfer.${prefix}`, `trtllm.flashinfer_${prefix}`]) {
      ops.define(`${family}rmsnorm`, pureRmsNorm(rule));
      ops.define(`${family}fused_add_rmsnorm`, inPlaceAddRmsNorm(rule));
    }
    ops.define(`sgl_kernel.${prefix}fused_add_rmsnorm`, inPlaceAddRmsNorm(rule));
  }
  ops.define('auto_deploy.torch_rmsnorm', pureRmsNorm(VLLM_KERNEL));
  ops.define('auto_deploy.triton_rms_norm', pureRmsNorm(AUTO_DEPLOY_TRITON));
  ops.define('auto_deploy.triton_fused_add_rms_norm', pureAddRmsNorm(AUTO_DEPLOY_TRITON));
  ops.define('auto_deploy.flashinfer_rms_norm', pureRmsNorm(FLASHINFER_KERNEL));
  ops.define(
    'auto_deploy.flashinfer_fused_add_rms_norm_inplace',
    inPlaceAddRmsNorm(FLASHINFER_KERNEL),
  );
  ops.define('_C_ascend.npu_add_rms_norm_bias', ascendAddRmsNorm);
  ops.define(
    'aten.rms_norm aten._fused_rms_norm torch.rms_norm torch.nn.functional.rms_norm',
    torchRmsNorm,
  );
  ops.define('_C.static_scaled_fp8_quant', staticFp8);
  ops.define('_C.dynamic_per_token_scaled_fp8_quant', perTokenFp8);
  ops.define('_C.per_token_group_fp8_quant', perGroupFp8);
  ops.define('_C.scaled_fp4_quant', nvfp4);
}
