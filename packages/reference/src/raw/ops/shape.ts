import { one } from '../call.ts';
import { index, select, slice } from '../indexing.ts';
import { isList } from '../raw-value.ts';
import { expand, flatten, permute, squeeze, unsqueeze, view } from '../shapes.ts';
import { type Handler, type OpTable, required } from './table.ts';

const same: Handler = (call) => one(call.tensor(0, 'self', 'input', 'tensor', 'a'));

const swap: Handler = (call) => {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const [a, b] = [required(call, 1, 'dim0'), required(call, 2, 'dim1')].map((dim) =>
    dim < 0 ? dim + rank : dim,
  );
  return permute(
    x,
    x.shape.map((_, axis) => (axis === a ? b! : axis === b ? a! : axis)),
  );
};

const reorder: Handler = (call) =>
  permute(
    call.tensor(0),
    call.sizes(1, 'dims', 'permutation') ?? call.unsupported('it has no order'),
  );

const nothing: Handler = () => ({ results: [null] });

/** Views, copies, indexing, reads of the shape, and checks. */
export function defineShapes(ops: OpTable): void {
  ops.everywhere(
    'alias detach detach_ clone contiguous lift_fresh_copy lift_fresh positive view_of',
    same,
  );
  ops.define(
    '_c10d_functional.wait_tensor prims.clone prims.view_of getattr.data torch._C._autograd._get_data_attr torch.nn.functional.identity',
    same,
  );

  const viewed: Handler = (call) => {
    const x = call.tensor(0, 'self', 'input');
    const dtype = call.dtype();
    if (dtype !== undefined)
      return dtype === x.dtype ? one(x) : call.unsupported(`it reads ${x.dtype} bits as ${dtype}`);
    return view(call, x, call.sizes(1, 'size', 'shape') ?? call.unsupported('it has no sizes'));
  };
  ops.everywhere('view _unsafe_view reshape _reshape_alias', viewed);
  ops.define('prims.reshape', viewed);
  ops.everywhere('view_as reshape_as', (call) =>
    view(call, call.tensor(0), call.tensor(1, 'other').shape),
  );
  ops.everywhere('flatten', (call) =>
    flatten(call.tensor(0), call.number(1, 'start_dim') ?? 0, call.number(2, 'end_dim') ?? -1),
  );
  ops.everywhere('unsqueeze', (call) =>
    unsqueeze(call.tensor(0), call.number(1, 'dim') ?? call.unsupported('it has no dimension')),
  );
  ops.everywhere('squeeze', (call) => squeeze(call.tensor(0), call.numbers(1, 'dim')));
  ops.everywhere('permute', reorder);
  ops.define('prims.transpose', reorder);
  ops.everywhere('transpose', swap);
  ops.everywhere('t', (call) => {
    const x = call.tensor(0);
    if (x.shape.length > 2) call.unsupported(`it transposes ${x.shape.length} dimensions`);
    return permute(
      x,
      x.shape.map((_, axis) => x.shape.length - 1 - axis),
    );
  });
  ops.everywhere('expand', (call) =>
    expand(call, call.tensor(0), call.sizes(1, 'size') ?? call.unsupported('it has no sizes')),
  );
  ops.everywhere('expand_as', (call) =>
    expand(call, call.tensor(0), call.tensor(1, 'other').shape),
  );
  ops.everywhere('slice', (call) =>
    one(
      slice(
        call,
        call.tensor(0, 'self'),
        call.number(1, 'dim') ?? 0,
        call.number(2, 'start') ?? 0,
        call.number(3, 'end') ?? Number.MAX_SAFE_INTEGER,
        call.number(4, 'step') ?? 1,
      ),
    ),
  );
  ops.everywhere('narrow', (call) => {
    const start = required(call, 2, 'start');
    return one(
      slice(
        call,
        call.tensor(0),
        required(call, 1, 'dim'),
        start,
        start + required(call, 3, 'length'),
      ),
    );
  });
  ops.everywhere('select', (call) =>
    one(select(call, call.tensor(0), required(call, 1, 'dim'), required(call, 2, 'index'))),
  );
  ops.define('operator.getitem', (call) => {
    const x = call.args[0];
    if (isList(x)) {
      const at = call.args[1];
      return typeof at === 'number' && at < x.length
        ? one(x[at < 0 ? at + x.length : at]!)
        : call.unsupported('its index is no position');
    }
    return index(call, call.tensor(0), call.args[1] ?? null);
  });

  ops.everywhere('sym_size size', (call) => {
    const { shape } = call.tensor(0, 'self');
    const dim = call.number(1, 'dim');
    return one(dim === undefined ? [...shape] : shape[dim < 0 ? dim + shape.length : dim]!);
  });
  ops.define('getattr.shape', (call) => one([...call.tensor(0).shape]));

  ops.define(
    `aten._assert_tensor_metadata aten._assert_scalar aten._assert_async torch._check aten.sym_constrain_range
  aten.sym_constrain_range_for_size torch._C._set_grad_enabled`,
    nothing,
  );
}
