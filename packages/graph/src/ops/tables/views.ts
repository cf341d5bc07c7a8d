import type { OpInfo } from '../op-registry.ts';

const names = (text: string): string[] => text.trim().split(/\s+/);

/** The same op as a function of `aten`, a function of `torch` and a method. */
const everywhere = (text: string): string[] =>
  names(text).flatMap((name) => [`aten.${name}`, `torch.${name}`, `method.${name}`]);

const entries = (ops: readonly string[], rest: Omit<OpInfo, 'name'>): OpInfo[] =>
  ops.map((name) => ({ name, ...rest }));

/** Views, copies and reads of metadata. */
export const VIEW_OPS: readonly OpInfo[] = [
  ...entries(everywhere('alias detach view_of'), {
    params: ['self'],
    aliases: 'self',
    returns: 1,
    role: 'same',
  }),
  ...entries(['getattr.data', 'torch._C._autograd._get_data_attr', 'prims.view_of'], {
    params: ['self'],
    aliases: 'self',
    returns: 1,
    role: 'same',
  }),
  // The elements are the same; the storage may be new, so a write through the copy is not seen in the original.
  ...entries(everywhere('clone contiguous'), { params: ['self'], returns: 1, role: 'same' }),
  { name: 'aten.copy', params: ['self', 'src', 'non_blocking'], returns: 1 },
  ...entries(everywhere('view unsqueeze squeeze view_as'), {
    params: ['self'],
    aliases: 'self',
    returns: 1,
    role: 'view',
  }),
  // Views that reorder, repeat or drop elements: the storage is shared, the data are not the same.
  ...entries(
    everywhere(
      'expand expand_as t transpose permute select slice narrow diagonal unfold as_strided swapaxes movedim',
    ),
    { params: ['self'], aliases: 'self', returns: 1 },
  ),
  // A reshape shares storage when it can; a write through it must be seen through the original, so it is taken to.
  ...entries(everywhere('reshape flatten unflatten _unsafe_view reshape_as'), {
    params: ['self'],
    aliases: 'self',
    returns: 1,
    role: 'view',
  }),
  { name: 'operator.getitem', params: ['self', 'index'], aliases: 'self', returns: 1 },
  { name: 'operator.setitem', params: ['self', 'index', 'value'], writes: ['self'], returns: 0 },
  ...entries(everywhere('split split_with_sizes chunk unbind tensor_split'), {
    params: ['self'],
    aliases: 'self',
  }),
  ...entries(names('aten.sym_size aten.sym_stride aten.sym_numel aten.sym_storage_offset'), {
    params: ['self', 'dim'],
    returns: 1,
    role: 'shape',
  }),
  ...entries(
    everywhere(
      'size stride numel dim empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full',
    ),
    { params: ['self'], returns: 1, role: 'shape' },
  ),
  ...entries(
    names(
      'getattr.shape getattr.dtype getattr.device getattr.ndim getattr.is_cpu getattr.is_cuda getattr.layout getattr.requires_grad',
    ),
    { params: ['self'], returns: 1, role: 'shape' },
  ),
];

/** Assertions: they read, return nothing and change nothing. */
export const CHECK_OPS: readonly OpInfo[] = entries(
  names(`aten._assert_tensor_metadata aten._assert_scalar aten._assert_async torch._check torch._check_is_size
    aten.sym_constrain_range aten.sym_constrain_range_for_size torch._C._set_grad_enabled torch._assert`),
  { params: ['self'], returns: 0, role: 'check' },
);

/** Calls that return nothing and change only the parameters named here. */
export const WRITING_OPS: readonly OpInfo[] = [
  {
    name: 'aten.copy_',
    params: ['self', 'src', 'non_blocking'],
    writes: ['self'],
    aliases: 'self',
    returns: 1,
  },
  {
    name: 'vllm.unified_attention_with_output',
    params: ['query', 'key', 'value', 'output', 'layer_name'],
    writes: ['output'],
    returns: 0,
  },
  { name: 'vllm.unified_attention', params: ['query', 'key', 'value', 'layer_name'], returns: 1 },
  { name: 'vllm.unified_kv_cache_update', params: ['key', 'value', 'layer_name'], returns: 1 },
  { name: 'vllm.moe_forward', params: ['hidden_states', 'router_logits'], returns: 1 },
  {
    name: '_C.rotary_embedding',
    params: ['positions', 'query', 'key', 'head_size', 'cos_sin_cache', 'is_neox'],
    writes: ['query', 'key'],
    returns: 0,
  },
  { name: '_C.silu_and_mul', params: ['result', 'input'], writes: ['result'], returns: 0 },
];
