import { type Arg, type Graph, type Node, opBase, type ValueId } from '@arfuse/graph';
import { argOf, boolOf, isNone, numberOf, stateOf, valueOf } from '../flow/args.ts';
import { allocation } from './allocation.ts';
import type { AllReduceOp, CanonicalOp } from './canonical.ts';
import type { Spelling } from './spelling.ts';

/** Facts about one all-reduce op. `|` separates names of one parameter. */
interface AllReduceRow {
  readonly op: string;
  readonly params: readonly string[];
  readonly input: string;
  /** Parameter with the group's name, when there is one. */
  readonly group?: string;
  /** Parameter with the reduce op; without it the op always sums. */
  readonly reduce?: string;
  readonly inPlace?: boolean;
  /** Parameter with a fusion code or a norm; the op is a plain all-reduce where it is zero, false or absent. */
  readonly fusion?: string;
  /** Parameter whose tensor the op overwrites with the sum. */
  readonly output?: string;
  readonly example: string;
}

const C10D = ['input|inputs|self', 'reduce_op', 'group_name|group'] as const;
const c10d = (op: string, inPlace: boolean): AllReduceRow => ({
  op: `_c10d_functional.${op}`,
  params: C10D,
  input: C10D[0],
  reduce: C10D[1],
  group: C10D[2],
  inPlace,
  example: `y = _c10d_functional.${op}(x, 'sum', '0'); z = _c10d_functional.wait_tensor(y)`,
});
const SYMM = ['input', 'reduce_op', 'group_name'] as const;
const symm = (op: string, inPlace: boolean): AllReduceRow => ({
  op: `symm_mem.${op}`,
  params: SYMM,
  input: 'input',
  reduce: 'reduce_op',
  group: 'group_name',
  inPlace,
  example: `y = symm_mem.${op}(x, 'sum', '0')`,
});
const named = (op: string, inPlace: boolean): AllReduceRow => ({
  op,
  params: ['tensor|input|inp|x', 'group_name'],
  input: 'tensor|input|inp|x',
  group: 'group_name',
  inPlace,
  example: inPlace ? `${op}(x, group_name='tp:0')  # x holds the sum` : `y = ${op}(x, 'tp:0')`,
});
const trtllm = (op: string, between: readonly string[] = []): AllReduceRow => ({
  op,
  params: [
    'input',
    'residual',
    'norm_weight',
    'scale',
    'bias',
    'workspace',
    'group',
    ...between,
    'strategy',
    'op|fusion_op',
  ],
  input: 'input',
  group: 'group',
  fusion: 'op|fusion_op',
  example: `y = ${op}(x, None, None, None, None, None, [0, 1]${between.map(() => ', 0').join('')}, 3, 0, 1e-05)`,
});
const unnamed = (op: string): AllReduceRow => ({
  op,
  params: ['tensor|x|input|hidden_states|final_hidden_states'],
  input: 'tensor|x|input|hidden_states|final_hidden_states',
  example: `y = ${op}(x)`,
});

export const ALL_REDUCES: readonly AllReduceRow[] = [
  c10d('all_reduce', false),
  c10d('all_reduce_', true),
  c10d('all_reduce_coalesced', false),
  c10d('all_reduce_coalesced_', true),
  named('vllm.all_reduce', false),
  named('sglang.inplace_all_reduce', true),
  named('sglang.outplace_all_reduce', false),
  named('aiter.all_reduce_', true),
  {
    op: '_C.shm_allreduce',
    params: ['handle', 'data'],
    input: 'data',
    inPlace: true,
    example: '_C.shm_allreduce(0, x)  # x holds the sum',
  },
  unnamed('auto_deploy.trtllm_dist_all_reduce'),
  unnamed('auto_deploy.torch_dist_all_reduce'),
  unnamed('vllm.maybe_all_reduce_tensor_model_parallel'),
  symm('one_shot_all_reduce', false),
  {
    op: 'symm_mem.one_shot_all_reduce_copy',
    params: ['symm_buffer', 'local_input', ...SYMM.slice(1)],
    input: 'local_input',
    reduce: 'reduce_op',
    group: 'group_name',
    example: "y = symm_mem.one_shot_all_reduce_copy(buffer, x, 'sum', '0')",
  },
  symm('two_shot_all_reduce_', true),
  symm('multimem_all_reduce_', true),
  symm('multimem_one_shot_all_reduce', false),
  {
    op: 'c10d.allreduce_',
    params: ['tensors', 'process_group', 'reduce_op'],
    input: 'tensors',
    reduce: 'reduce_op',
    group: 'process_group',
    inPlace: true,
    example: 'c10d.allreduce_([x], group, op)  # x holds the sum',
  },
  unnamed('vllm.all_reduce_symmetric_with_copy'),
  trtllm('trtllm.allreduce'),
  trtllm('trtllm.tunable_allreduce'),
  trtllm('trtllm.allreduce_pg', ['rank', 'pg']),
  {
    op: 'trtllm.mnnvl_fusion_allreduce',
    params: [
      'input',
      'residual',
      'gamma',
      'epsilon',
      'comm_buffer',
      'buffer_flags',
      'rmsnorm_fusion',
    ],
    input: 'input',
    fusion: 'rmsnorm_fusion',
    example: 'y, _ = trtllm.mnnvl_fusion_allreduce(x, None, None, None, buffer, flags, False)',
  },
  {
    op: 'sglang._all_reduce_residual_norm_op',
    params: ['world_size', 'hidden_dim', 'cluster_size', 'out', 'input', 'norm_weight'],
    input: 'input',
    output: 'out',
    fusion: 'norm_weight',
    example:
      'sglang._all_reduce_residual_norm_op(2, 4096, 4, out, x, None, 0.0, None, None, 0.0, False, 1)  # out holds the sum',
  },
  ...['torch.distributed.all_reduce', 'torch.distributed.distributed_c10d.all_reduce'].map(
    (op): AllReduceRow => ({
      op,
      params: ['tensor', 'op', 'group'],
      input: 'tensor',
      reduce: 'op',
      group: 'group',
      inPlace: true,
      example: `${op}(x)  # x holds the sum`,
    }),
  ),
];

/** The group as the graph writes it: a name, a number, or the name of the value that holds it. */
export function groupName(graph: Graph, arg: Arg | undefined): string {
  switch (arg?.kind) {
    case 'string':
      return arg.value;
    case 'int':
      return String(arg.value);
    case 'value':
      return graph.value(arg.id).name;
    case 'raw':
      return arg.text;
    case 'list':
    case 'tuple':
      return arg.items.map((item) => groupName(graph, item)).join(',');
    default:
      return '';
  }
}

/** `sum`, `ReduceOp.SUM`, `torch.distributed.ReduceOp.SUM`, `0` all mean the sum. */
function reduceName(arg: Arg | undefined): string {
  switch (arg?.kind) {
    case undefined:
    case 'none':
      return 'sum';
    case 'string':
      return arg.value.toLowerCase();
    case 'enum':
      return arg.value.slice(arg.value.lastIndexOf('.') + 1).toLowerCase();
    case 'raw':
      return /\bsum\b/i.test(arg.text) ? 'sum' : arg.text;
    case 'int':
      return Number(arg.value) === 0 ? 'sum' : `op ${arg.value}`;
    default:
      return 'unknown';
  }
}

/** Whether an argument says that the op does more than reduce. */
function fuses(arg: Arg | undefined): boolean {
  if (isNone(arg)) return false;
  if (arg?.kind === 'enum') return !/(^|\.)NONE$/.test(arg.value);
  return boolOf(arg) ?? (numberOf(arg) ?? 1) !== 0;
}

function lift(row: AllReduceRow, name: string, graph: Graph, node: Node): CanonicalOp[] {
  if (row.fusion !== undefined && fuses(argOf(node, row.params, row.fusion))) return [];
  const arg = argOf(node, row.params, row.input);
  const inputs =
    arg?.kind === 'list' || arg?.kind === 'tuple' ? arg.items.map(valueOf) : [valueOf(arg)];
  return inputs.flatMap((input, index): AllReduceOp[] => {
    if (input === undefined) return [];
    const outputs: ValueId[] = [];
    const buffer =
      row.output === undefined ? undefined : valueOf(argOf(node, row.params, row.output));
    if (row.inPlace) {
      const state =
        inputs.length > 1
          ? writtenOf(graph, node, input)
          : stateOf(graph, node, row.params, row.input, [row.input]);
      if (state !== undefined) outputs.push(state);
    }
    if (row.output !== undefined) {
      const state = stateOf(graph, node, row.params, row.output, [row.output]);
      if (state !== undefined) outputs.push(state);
    }
    const result = graph.result(node, index)?.id;
    if (result !== undefined && !outputs.includes(result)) outputs.push(result);
    return [
      {
        op: 'collective.all_reduce',
        spelling: name,
        node: node.id,
        covered: [node.id],
        side: buffer === undefined ? [] : allocation(graph, buffer),
        input,
        outputs,
        tensors: inputs.length,
        group: groupName(
          graph,
          row.group === undefined ? undefined : argOf(node, row.params, row.group),
        ),
        reduce: row.reduce === undefined ? 'sum' : reduceName(argOf(node, row.params, row.reduce)),
      },
    ];
  });
}

function writtenOf(graph: Graph, node: Node, input: ValueId): ValueId | undefined {
  return node.outputs.find((id) => {
    const { source } = graph.value(id);
    return source.kind === 'write' && source.of === input;
  });
}

export const ALL_REDUCE_SPELLINGS: readonly Spelling[] = ALL_REDUCES.map((row) => {
  const name = `collective.all_reduce/${row.op}`;
  return {
    name,
    produces: 'collective.all_reduce',
    ops: [row.op],
    title: `\`${row.op}\`${row.inPlace ? ', which changes its argument' : ''}`,
    example: row.example,
    lift: (node, { graph }) => lift(row, name, graph, node),
  };
});

const COLLECTIVE =
  /(^|[._])(all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|broadcast|barrier|isend|irecv|batch_p2p)/;

/** Whether ranks meet in this op, by its name. */
export function isCollective(op: string): boolean {
  const base = opBase(op);
  const namespace = base.slice(0, base.indexOf('.'));
  if (
    namespace === 'aten' ||
    namespace === 'prims' ||
    namespace === 'method' ||
    namespace === 'operator'
  )
    return false;
  if (base.startsWith('torch.') && !base.includes('distributed')) return false;
  return COLLECTIVE.test(base);
}
