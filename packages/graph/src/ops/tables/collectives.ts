import type { OpInfo } from '../op-registry.ts';

/** All-reduce and other collectives of PyTorch, vLLM, SGLang, AITER and TensorRT-LLM AutoDeploy. */
export const COLLECTIVE_OPS: readonly OpInfo[] = [
  { name: '_c10d_functional.all_reduce', params: ['input', 'reduce_op', 'group_name'], returns: 1 },
  { name: '_c10d_functional.all_reduce_', params: ['input', 'reduce_op', 'group_name'], writes: ['input'], aliases: 'input', returns: 1 },
  { name: '_c10d_functional.all_reduce_coalesced', params: ['inputs', 'reduce_op', 'group_name'] },
  { name: '_c10d_functional.all_reduce_coalesced_', params: ['inputs', 'reduce_op', 'group_name'], writes: ['inputs'] },
  { name: '_c10d_functional.wait_tensor', params: ['tensor'], aliases: 'tensor', returns: 1, role: 'same' },
  { name: '_c10d_functional.all_gather_into_tensor', params: ['input', 'group_size', 'group_name'], returns: 1 },
  { name: '_c10d_functional.reduce_scatter_tensor', params: ['input', 'reduce_op', 'group_size', 'group_name'], returns: 1 },
  { name: 'vllm.all_reduce', params: ['tensor', 'group_name'], returns: 1 },
  { name: 'sglang.inplace_all_reduce', params: ['tensor', 'group_name'], writes: ['tensor'], returns: 0 },
  { name: 'sglang.outplace_all_reduce', params: ['tensor', 'group_name', 'outplace_all_reduce_method'], returns: 1 },
  { name: '_C.shm_allreduce', params: ['handle', 'data'], writes: ['data'], returns: 0 },
];
