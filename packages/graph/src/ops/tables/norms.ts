import type { OpInfo } from '../op-registry.ts';

/** RMSNorm and add + RMSNorm as vLLM, PyTorch, SGLang, FlashInfer, AutoDeploy and Ascend write them. */
export const NORM_OPS: readonly OpInfo[] = [
  { name: 'vllm_ir.rms_norm', params: ['x', 'weight', 'epsilon', 'variance_size'], returns: 1 },
  {
    name: 'vllm_ir.fused_add_rms_norm',
    params: ['x', 'x_residual', 'weight', 'epsilon', 'variance_size'],
    returns: 2,
  },
  {
    name: '_C.rms_norm',
    params: ['result', 'input', 'weight', 'epsilon'],
    writes: ['result', 'out'],
    returns: 0,
  },
  {
    name: '_C.fused_add_rms_norm',
    params: ['input', 'residual', 'weight', 'epsilon'],
    writes: ['input', 'residual'],
    returns: 0,
  },
  {
    name: '_C.rms_norm_static_fp8_quant',
    params: ['result', 'input', 'weight', 'scale', 'epsilon'],
    writes: ['result'],
    returns: 0,
  },
  {
    name: '_C.fused_add_rms_norm_static_fp8_quant',
    params: ['result', 'input', 'residual', 'weight', 'scale', 'epsilon'],
    writes: ['result', 'residual'],
    returns: 0,
  },
  { name: 'aten.rms_norm', params: ['input', 'normalized_shape', 'weight', 'eps'], returns: 1 },
  {
    name: 'aten._fused_rms_norm',
    params: ['input', 'normalized_shape', 'weight', 'eps'],
    returns: 2,
  },
  {
    name: 'torch.nn.functional.rms_norm',
    params: ['input', 'normalized_shape', 'weight', 'eps'],
    returns: 1,
  },
  { name: 'torch.rms_norm', params: ['input', 'normalized_shape', 'weight', 'eps'], returns: 1 },
  {
    name: 'sgl_kernel.rmsnorm',
    params: ['output', 'input', 'weight', 'eps', 'enable_pdl'],
    writes: ['output'],
    returns: 0,
  },
  {
    name: 'sgl_kernel.fused_add_rmsnorm',
    params: ['input', 'residual', 'weight', 'eps', 'enable_pdl'],
    writes: ['input', 'residual'],
    returns: 0,
  },
  {
    name: 'sgl_kernel.gemma_rmsnorm',
    params: ['output', 'input', 'weight', 'eps', 'enable_pdl'],
    writes: ['output'],
    returns: 0,
  },
  {
    name: 'sgl_kernel.gemma_fused_add_rmsnorm',
    params: ['input', 'residual', 'weight', 'eps', 'enable_pdl'],
    writes: ['input', 'residual'],
    returns: 0,
  },
  {
    name: 'flashinfer.rmsnorm',
    params: ['input', 'weight', 'eps', 'out', 'enable_pdl'],
    returns: 1,
  },
  {
    name: 'flashinfer.fused_add_rmsnorm',
    params: ['input', 'residual', 'weight', 'eps', 'enable_pdl'],
    writes: ['input', 'residual'],
    returns: 0,
  },
  { name: 'auto_deploy.torch_rmsnorm', params: ['input', 'weight', 'eps'], returns: 1 },
  { name: 'auto_deploy.flashinfer_rms_norm', params: ['input', 'weight', 'eps'], returns: 1 },
  { name: 'auto_deploy.triton_rms_norm', params: ['input', 'weight', 'eps'], returns: 1 },
  {
    name: 'auto_deploy.triton_fused_add_rms_norm',
    params: ['input', 'residual', 'weight', 'eps'],
    returns: 2,
  },
  {
    name: 'auto_deploy.flashinfer_fused_add_rms_norm_inplace',
    params: ['x', 'residual', 'weight', 'eps'],
    writes: ['x', 'residual'],
    returns: 0,
  },
  { name: 'trtllm.flashinfer_rmsnorm', params: ['input', 'weight', 'eps'], returns: 1 },
  { name: 'trtllm.flashinfer_gemma_rmsnorm', params: ['input', 'weight', 'eps'], returns: 1 },
  ...['trtllm.flashinfer_fused_add_rmsnorm', 'trtllm.flashinfer_gemma_fused_add_rmsnorm'].map(
    (name): OpInfo => ({
      name,
      params: ['input', 'residual', 'weight', 'eps'],
      writes: ['input', 'residual'],
      returns: 0,
    }),
  ),
  {
    name: '_C_ascend.npu_add_rms_norm_bias',
    params: ['x1', 'x2', 'gamma', 'beta', 'epsilon'],
    returns: 3,
  },
];
