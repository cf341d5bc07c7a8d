import type { OpInfo } from '../op-registry.ts';

/** Ops that already contain an all-reduce and a norm. */
export const FUSED_OPS: readonly OpInfo[] = [
  {
    name: 'vllm.flashinfer_trtllm_fused_allreduce_norm',
    params: [
      'allreduce_in',
      'residual',
      'rms_gamma',
      'rms_eps',
      'world_size',
      'launch_with_pdl',
      'fp32_acc',
      'max_token_num',
      'pattern_code',
      'norm_out',
      'quant_out',
      'scale_out',
      'scale_factor',
      'weight_bias',
    ],
    writes: ['allreduce_in', 'residual', 'norm_out', 'quant_out', 'scale_out'],
    returns: 0,
  },
  {
    name: 'sglang.flashinfer_allreduce_residual_rmsnorm',
    params: ['input_tensor', 'residual', 'weight', 'eps'],
    returns: 2,
  },
  {
    name: 'sglang._all_reduce_residual_norm_op',
    params: ['input_tensor', 'residual', 'weight', 'eps'],
    returns: 2,
  },
  {
    name: 'sglang._moe_finalize_all_reduce_residual_norm_op',
    params: ['input_tensor', 'residual', 'weight', 'eps'],
    returns: 2,
  },
  {
    name: 'dist.trtllm_fused_allreduce_residual_rmsnorm',
    params: ['tensor', 'residual', 'norm_weight', 'eps', 'strategy'],
    returns: 2,
  },
];
