import type { OpInfo } from '../op-registry.ts';

const functional = ['input', 'reduce_op', 'group_name'] as const;

/** Collectives of PyTorch, vLLM, SGLang, AITER, TensorRT-LLM AutoDeploy and symmetric memory. */
export const COLLECTIVE_OPS: readonly OpInfo[] = [
  { name: '_c10d_functional.all_reduce', params: functional, returns: 1 },
  {
    name: '_c10d_functional.all_reduce_',
    params: functional,
    writes: ['input'],
    aliases: 'input',
    returns: 1,
  },
  { name: '_c10d_functional.all_reduce_coalesced', params: ['inputs', 'reduce_op', 'group_name'] },
  {
    name: '_c10d_functional.all_reduce_coalesced_',
    params: ['inputs', 'reduce_op', 'group_name'],
    writes: ['inputs'],
  },
  {
    name: '_c10d_functional.wait_tensor',
    params: ['tensor'],
    aliases: 'tensor',
    returns: 1,
    role: 'same',
  },
  { name: '_c10d_functional.wait_tensors', params: ['tensors'] },
  {
    name: '_c10d_functional.all_gather_into_tensor',
    params: ['input', 'group_size', 'group_name'],
    returns: 1,
  },
  {
    name: '_c10d_functional.all_gather_into_tensor_out',
    params: ['input', 'group_size', 'group_name', 'out'],
    writes: ['out'],
    aliases: 'out',
    returns: 1,
  },
  {
    name: '_c10d_functional.reduce_scatter_tensor',
    params: ['input', 'reduce_op', 'group_size', 'group_name'],
    returns: 1,
  },
  { name: '_c10d_functional.broadcast', params: ['input', 'src', 'group_name'], returns: 1 },
  {
    name: '_c10d_functional.broadcast_',
    params: ['input', 'src', 'group_name'],
    writes: ['input'],
    aliases: 'input',
    returns: 1,
  },
  {
    name: 'torch.distributed.all_reduce',
    params: ['tensor', 'op', 'group', 'async_op'],
    writes: ['tensor'],
    returns: 0,
  },
  {
    name: 'torch.distributed.distributed_c10d.all_reduce',
    params: ['tensor', 'op', 'group', 'async_op'],
    writes: ['tensor'],
    returns: 0,
  },
  {
    name: 'c10d.allreduce_',
    params: ['tensors', 'process_group', 'reduce_op'],
    writes: ['tensors'],
  },
  { name: 'vllm.all_reduce', params: ['tensor', 'group_name'], returns: 1 },
  { name: 'vllm.all_gather', params: ['tensor', 'dim', 'world_size', 'group_name'], returns: 1 },
  {
    name: 'vllm.reduce_scatter',
    params: ['tensor', 'dim', 'world_size', 'group_name'],
    returns: 1,
  },
  { name: 'vllm.all_reduce_symmetric_with_copy', params: ['tensor'], returns: 1 },
  {
    name: 'vllm.maybe_all_reduce_tensor_model_parallel',
    params: ['final_hidden_states', 'layer_name'],
    returns: 1,
  },
  {
    name: 'sglang.inplace_all_reduce',
    params: ['tensor', 'group_name'],
    writes: ['tensor'],
    returns: 0,
  },
  {
    name: 'sglang.outplace_all_reduce',
    params: ['tensor', 'group_name', 'outplace_all_reduce_method'],
    returns: 1,
  },
  {
    name: 'sglang.reg_all_gather_into_tensor',
    params: ['output', 'input', 'group_name'],
    writes: ['output'],
    returns: 0,
  },
  { name: '_C.shm_allreduce', params: ['handle', 'data'], writes: ['data'], returns: 0 },
  {
    name: 'aiter.all_reduce_',
    params: ['input', 'group_name', 'ca_use_new', 'ca_fp8_quant', 'prefill_support'],
    returns: 1,
  },
  { name: 'auto_deploy.torch_dist_all_reduce', params: ['tensor', 'strategy'], returns: 1 },
  { name: 'auto_deploy.trtllm_dist_all_reduce', params: ['tensor', 'strategy'], returns: 1 },
  {
    name: 'symm_mem.one_shot_all_reduce',
    params: ['input', 'reduce_op', 'group_name'],
    returns: 1,
  },
  {
    name: 'symm_mem.one_shot_all_reduce_copy',
    params: ['symm_buffer', 'local_input', 'reduce_op', 'group_name'],
    returns: 1,
  },
  {
    name: 'symm_mem.two_shot_all_reduce_',
    params: ['input', 'reduce_op', 'group_name'],
    writes: ['input'],
    aliases: 'input',
    returns: 1,
  },
  {
    name: 'symm_mem.multimem_all_reduce_',
    params: ['input', 'reduce_op', 'group_name'],
    writes: ['input'],
    aliases: 'input',
    returns: 1,
  },
  {
    name: 'symm_mem.multimem_one_shot_all_reduce',
    params: ['input', 'reduce_op', 'group_name'],
    returns: 1,
  },
];
