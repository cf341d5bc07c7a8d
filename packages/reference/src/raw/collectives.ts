import type { Arg, Graph } from '@arfuse/graph';
import { roundTo } from '../numeric/round.ts';
import type { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { RawCall, RawResult } from './call.ts';
import { states } from './norms.ts';
import { isList, isTensor, type RawValue } from './raw-value.ts';

/** Where an all-reduce of one framework has its arguments: position, then keywords. */
interface Form {
  readonly input: readonly [position: number, ...keywords: string[]];
  readonly group?: readonly [position: number, ...keywords: string[]];
  readonly reduce?: readonly [position: number, ...keywords: string[]];
  readonly inPlace?: boolean;
  /** Argument that is overwritten with the sum. */
  readonly output?: readonly [position: number, ...keywords: string[]];
  /** Argument with which the op does more than reduce: a fusion code or a norm. */
  readonly fusion?: readonly [position: number, ...keywords: string[]];
}

const C10D: Form = {
  input: [0, 'input', 'inputs', 'self'],
  reduce: [1, 'reduce_op'],
  group: [2, 'group_name', 'group'],
};
const NAMED: Form = { input: [0, 'tensor', 'input', 'inp', 'x'], group: [1, 'group_name'] };
const UNNAMED: Form = {
  input: [0, 'tensor', 'x', 'input', 'hidden_states', 'final_hidden_states'],
};
const DISTRIBUTED: Form = {
  input: [0, 'tensor'],
  reduce: [1, 'op'],
  group: [2, 'group'],
  inPlace: true,
};

/** TensorRT-LLM's op; `fusion` is the place of its fusion code. */
const trtllm = (fusion: number): Form => ({
  input: [0, 'input'],
  group: [6, 'group'],
  fusion: [fusion, 'op', 'fusion_op'],
});

/** All-reduces that the evaluator knows, by op without overload. */
export const ALL_REDUCES: Readonly<Record<string, Form>> = {
  '_c10d_functional.all_reduce': C10D,
  '_c10d_functional.all_reduce_': { ...C10D, inPlace: true },
  '_c10d_functional.all_reduce_coalesced': C10D,
  '_c10d_functional.all_reduce_coalesced_': { ...C10D, inPlace: true },
  'symm_mem.one_shot_all_reduce': C10D,
  'symm_mem.one_shot_all_reduce_copy': {
    input: [1, 'local_input'],
    reduce: [2, 'reduce_op'],
    group: [3, 'group_name'],
  },
  'symm_mem.two_shot_all_reduce_': { ...C10D, inPlace: true },
  'symm_mem.multimem_all_reduce_': { ...C10D, inPlace: true },
  'symm_mem.multimem_one_shot_all_reduce': C10D,
  'c10d.allreduce_': {
    input: [0, 'tensors'],
    group: [1, 'process_group'],
    reduce: [2, 'reduce_op'],
    inPlace: true,
  },
  'torch.distributed.all_reduce': DISTRIBUTED,
  'torch.distributed.distributed_c10d.all_reduce': DISTRIBUTED,
  'vllm.all_reduce': NAMED,
  'vllm.all_reduce_symmetric_with_copy': UNNAMED,
  'vllm.maybe_all_reduce_tensor_model_parallel': UNNAMED,
  'sglang.inplace_all_reduce': { ...NAMED, inPlace: true },
  'sglang.outplace_all_reduce': NAMED,
  'aiter.all_reduce_': { ...NAMED, inPlace: true },
  'auto_deploy.torch_dist_all_reduce': UNNAMED,
  'auto_deploy.trtllm_dist_all_reduce': UNNAMED,
  '_C.shm_allreduce': { input: [1, 'data'], inPlace: true },
  'trtllm.allreduce': trtllm(8),
  'trtllm.tunable_allreduce': trtllm(8),
  'trtllm.allreduce_pg': trtllm(10),
  'trtllm.mnnvl_fusion_allreduce': { input: [0, 'input'], fusion: [6, 'rmsnorm_fusion'] },
  'sglang._all_reduce_residual_norm_op': {
    input: [4, 'input'],
    output: [3, 'out'],
    fusion: [5, 'norm_weight'],
  },
};

function rawArg(call: RawCall, place: Form['group']): Arg | undefined {
  if (!place) return undefined;
  const [position, ...keywords] = place;
  for (const keyword of keywords) {
    const given = call.node.kwargs[keyword];
    if (given) return given;
  }
  return call.node.args[position];
}

/** The group as the graph writes it: a name, a number, or the name of the value that holds it; '' when it has none. */
function groupName(graph: Graph, arg: Arg | undefined): string {
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

/** Whether a reduce op is the sum: left out, `sum`, `ReduceOp.SUM`, or its number 0. */
function isSum(arg: Arg | undefined): boolean {
  switch (arg?.kind) {
    case undefined:
    case 'none':
      return true;
    case 'string':
      return arg.value.toLowerCase() === 'sum';
    case 'enum':
      return /(^|\.)sum$/i.test(arg.value);
    case 'raw':
      return /\bsum\b/i.test(arg.text);
    case 'int':
      return Number(arg.value) === 0;
    default:
      return false;
  }
}

/** Whether an argument says that the op does more than reduce. */
function isFused(arg: Arg | undefined): boolean {
  switch (arg?.kind) {
    case undefined:
    case 'none':
      return false;
    case 'bool':
      return arg.value;
    case 'int':
      return Number(arg.value) !== 0;
    case 'enum':
      return !/(^|\.)NONE$/.test(arg.value);
    default:
      return true;
  }
}

/** The tensors that a call reduces: one, or a list where the op takes several. */
function inputsOf(call: RawCall, form: Form): readonly RefTensor[] {
  const [position, ...keywords] = form.input;
  const value = call.arg(position, ...keywords);
  const items: readonly RawValue[] = isList(value) ? value : [value ?? null];
  return items.map((item) =>
    isTensor(item) ? item : call.unsupported('it reduces something that is no tensor'),
  );
}

/**
 * Sum over the ranks of the call's group, in float32 and rank order, rounded once: the captured program leaves order and
 * type to its library. `calls` holds the same call on every rank.
 */
export function allReduceRanks(
  calls: readonly RawCall[],
  form: Form,
  ranks: SimulatedRanks,
  graph: Graph,
): RawResult[] {
  const [call] = calls as readonly [RawCall];
  if (isFused(rawArg(call, form.fusion))) call.unsupported('it does more than reduce');
  if (!isSum(rawArg(call, form.reduce))) call.unsupported('its reduce op is not the sum');
  const name = groupName(graph, rawArg(call, form.group));
  const group =
    ranks.ordinal(name) ?? call.unsupported(`group "${name}" is not among the simulated groups`);
  const inputs = calls.map((each) => inputsOf(each, form));
  const reduced = new Map<number, RawResult>();
  return calls.map((_, rank) => {
    const members = ranks.members(group, rank);
    const known = reduced.get(members[0]!);
    if (known) return known;
    const sums = inputs[rank]!.map((__, i) =>
      sumOf(
        members.map((member) => inputs[member]![i]!),
        call,
      ),
    );
    const [position, ...keywords] = form.input;
    const isMany = isList(call.arg(position, ...keywords));
    const written = form.inPlace ? form.input : form.output;
    const result: RawResult = {
      results: sums,
      ...(written ? { states: states([written, isMany ? sums : sums[0]!]) } : {}),
    };
    reduced.set(members[0]!, result);
    return result;
  });
}

function sumOf(tensors: readonly RefTensor[], call: RawCall): RefTensor {
  const first = tensors[0]!;
  const exact = call.arithmetic.mode === 'real';
  const data = first.data.slice();
  for (const { data: other, shape } of tensors.slice(1)) {
    if (other.length !== data.length)
      call.unsupported(`ranks hold [${first.shape.join(', ')}] and [${shape.join(', ')}]`);
    for (let i = 0; i < data.length; i += 1)
      data[i] = exact ? data[i]! + other[i]! : Math.fround(data[i]! + other[i]!);
  }
  if (!exact) for (let i = 0; i < data.length; i += 1) data[i] = roundTo(first.dtype, data[i]!);
  return { dtype: first.dtype, shape: first.shape, data };
}
