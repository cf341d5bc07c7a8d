import { DEFAULT_OPS, opBase } from '@arfuse/graph';

/** How an op stands to the data that it reads. */
export type FlowRole = 'same' | 'view' | 'cast' | 'check' | 'shape';

const names = (text: string): string[] => text.trim().split(/\s+/);

/** `x.name()`, `torch.name(x)` and `aten.name(x)` are one op. */
const everywhere = (text: string): string[] =>
  names(text).flatMap((name) => [
    `aten.${name}`,
    `torch.${name}`,
    `method.${name}`,
    `torch.Tensor.${name}`,
  ]);

const ROLES = new Map<string, FlowRole>();
const add = (role: FlowRole, ops: readonly string[]): void => {
  for (const op of ops) ROLES.set(op, role);
};

add(
  'same',
  everywhere('alias detach clone contiguous lift_fresh lift_fresh_copy positive view_of'),
);
add(
  'same',
  names(`
  _c10d_functional.wait_tensor aten.copy aten.copy_ method.copy_ prims.view_of prims.clone
  torch._C._autograd._get_data_attr getattr.data aten.detach_ method.detach_ torch.nn.functional.identity
`),
);
add(
  'view',
  everywhere(`
  view reshape flatten unflatten squeeze unsqueeze view_as reshape_as expand expand_as _unsafe_view
  _reshape_alias slice narrow
`),
);
add(
  'view',
  names('operator.getitem method.__getitem__ prims.reshape prims.squeeze prims.broadcast_in_dim'),
);
add(
  'cast',
  names(`
  aten.to aten._to_copy aten.type_as prims.convert_element_type method.to method.type method.type_as
  method.float method.half method.bfloat16 method.double torch.Tensor.to torch.Tensor.float aten.float
`),
);
add(
  'check',
  names(`
  aten._assert_tensor_metadata aten._assert_scalar aten._assert_async torch._check aten.sym_constrain_range
  aten.sym_constrain_range_for_size
`),
);
add(
  'shape',
  everywhere(
    'sym_size sym_stride sym_numel sym_storage_offset size stride numel dim is_contiguous',
  ),
);
add(
  'shape',
  everywhere('empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full'),
);
add(
  'shape',
  names('method.is_floating_point method.storage_offset method.data_ptr method.element_size'),
);

/** Attributes of a tensor that hold data. All others tell only its shape, dtype or place. */
const DATA_ATTRIBUTES = new Set(['T', 'mT', 'H', 'mH', 'data', 'grad', 'real', 'imag']);

const memo = new Map<string, FlowRole | null>();

/** The role of an op by name, from this package's table, then from the op registry. */
export function flowRole(op: string): FlowRole | null {
  let role = memo.get(op);
  if (role === undefined) {
    const base = opBase(op);
    role = ROLES.get(base) ?? null;
    if (role === null && base.startsWith('getattr.') && !DATA_ATTRIBUTES.has(base.slice(8)))
      role = 'shape';
    role ??= DEFAULT_OPS.get(op)?.role ?? null;
    memo.set(op, role);
  }
  return role;
}
