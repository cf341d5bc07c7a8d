import type { OpInfo } from '../op-registry.ts';

/** FP8 and NVFP4 quantisers of vLLM. Later versions add trailing arguments; they are tolerated. */
export const QUANTISER_OPS: readonly OpInfo[] = [
  {
    name: '_C.static_scaled_fp8_quant',
    params: ['result', 'input', 'scale', 'group_shape'],
    writes: ['result'],
    returns: 0,
  },
  {
    name: '_C.dynamic_scaled_fp8_quant',
    params: ['result', 'input', 'scale'],
    writes: ['result', 'scale'],
    returns: 0,
  },
  {
    name: '_C.dynamic_per_token_scaled_fp8_quant',
    params: ['result', 'input', 'scale', 'scale_ub'],
    writes: ['result', 'scale'],
    returns: 0,
  },
  {
    name: '_C.per_token_group_fp8_quant',
    params: [
      'input',
      'output_q',
      'output_s',
      'group_size',
      'eps',
      'fp8_min',
      'fp8_max',
      'scale_ue8m0',
      'dummy_is_scale_transposed',
      'dummy_is_tma_aligned',
    ],
    writes: ['output_q', 'output_s'],
    returns: 0,
  },
  {
    name: '_C.scaled_fp4_quant.out',
    params: ['input', 'input_scale', 'is_sf_swizzled_layout', 'output', 'output_scale'],
    writes: ['output', 'output_scale'],
    returns: 0,
  },
  {
    name: '_C.scaled_fp4_quant',
    params: ['output', 'input', 'output_scale', 'input_scale', 'is_sf_swizzled_layout'],
    writes: ['output', 'output_scale'],
    returns: 0,
  },
  {
    name: 'higher_order.triton_kernel_wrapper_mutation',
    params: ['kernel_idx', 'constant_args_idx', 'grid', 'tma_descriptor_metadata', 'kwargs'],
    writes: ['kwargs'],
    returns: 0,
  },
  // Its result is a dict with a new tensor for each of `tensors_to_clone`.
  {
    name: 'higher_order.triton_kernel_wrapper_functional',
    params: [
      'kernel_idx',
      'constant_args_idx',
      'grid',
      'tma_descriptor_metadata',
      'kwargs',
      'tensors_to_clone',
    ],
    returns: 1,
  },
];
