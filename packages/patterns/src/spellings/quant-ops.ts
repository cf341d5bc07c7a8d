import type { DType, QuantAttributes } from '@arfuse/contract';
import { dimEquals, type Graph, type Node, type NodeId, opBase, type ValueId } from '@arfuse/graph';
import { argOf, boolOf, isNone, numberOf, numbersOf, stateOf, valueOf } from '../flow/args.ts';
import { allocation } from './allocation.ts';
import type { CanonicalOp, QuantOp } from './canonical.ts';
import { type LiftContext, rejected, type Spelling } from './spelling.ts';

/** Smallest scale of vLLM's dynamic quantisers: 1 / (448 · 512). */
const FLOOR = 1 / (448 * 512);
/** Smallest scale that vLLM's group quantiser rounds up to a power of two (fp8/per_token_group_quant.cu). */
const POWER_FLOOR = 1e-10;

type Lifted = Pick<QuantOp, 'attributes' | 'nan'> & {
  readonly scale?: ValueId;
  readonly scaleOutput?: ValueId;
};

interface QuantRow {
  readonly op: string;
  readonly params: readonly string[];
  readonly output: string;
  readonly mutated: readonly string[];
  readonly title: string;
  readonly example: string;
  /** Attributes, or the reason why the op is no quantiser that a fused kernel could do. */
  attributes(call: QuantCall): Lifted | string;
}

interface QuantCall {
  readonly node: Node;
  readonly graph: Graph;
  readonly outputDtype: DType;
  arg(param: string): ReturnType<typeof argOf>;
  state(param: string): ValueId | undefined;
}

const fp8Static: QuantRow = {
  op: '_C.static_scaled_fp8_quant',
  params: ['result', 'input', 'scale', 'group_shape'],
  output: 'result',
  mutated: ['result'],
  title: 'FP8 per tensor with a given scale: `_C.static_scaled_fp8_quant`',
  example: '_C.static_scaled_fp8_quant(q, x, scale)  # q: f8e4m3fn',
  attributes({ arg, outputDtype }) {
    const group = arg('group_shape');
    const shape = isNone(group) ? [-1, -1] : numbersOf(group);
    if (shape?.length !== 2 || shape.some((size) => size !== -1))
      return 'scales groups of elements, not the whole tensor';
    const scale = valueOf(arg('scale'));
    if (scale === undefined) return 'has no scale';
    return {
      scale,
      // `fmaxf(-448, fminf(x, 448))` takes a NaN for 448 (`scaled_fp8_conversion` in fp8/common.cuh).
      nan: 'lost',
      attributes: {
        scheme: 'fp8_static',
        outputDtype,
        groupSize: null,
        scaleDtype: null,
        scaleFloor: null,
        scaleForm: 'reciprocal',
        scaleLayout: 'none',
      },
    };
  },
};

const fp8Token: QuantRow = {
  op: '_C.dynamic_per_token_scaled_fp8_quant',
  params: ['result', 'input', 'scale|scales', 'scale_ub'],
  output: 'result',
  mutated: ['result', 'scale|scales'],
  title: 'FP8 with a scale per token: `_C.dynamic_per_token_scaled_fp8_quant`',
  example:
    '_C.dynamic_per_token_scaled_fp8_quant(q, x, scale, None)  # q: f8e4m3fn, scale: f32[T, 1]',
  attributes({ arg, state, outputDtype }) {
    if (!isNone(arg('scale_ub'))) return 'bounds its scales from above (scale_ub)';
    return {
      ...scaleState(state('scale|scales')),
      nan: 'lost',
      attributes: {
        scheme: 'fp8_token',
        outputDtype,
        groupSize: null,
        scaleDtype: 'f32',
        scaleFloor: FLOOR,
        scaleForm: 'divide',
        scaleLayout: 'row_major',
      },
    };
  },
};

const fp8Group: QuantRow = {
  op: '_C.per_token_group_fp8_quant',
  params: [
    'input',
    'output_q',
    'output_s',
    'group_size',
    'eps',
    'fp8_min|min_8bit',
    'fp8_max|max_8bit',
    'scale_ue8m0',
    'dummy_is_scale_transposed',
    'dummy_is_tma_aligned',
  ],
  output: 'output_q',
  mutated: ['output_q', 'output_s'],
  title: 'FP8 with a scale per group of a row: `_C.per_token_group_fp8_quant`',
  example:
    '_C.per_token_group_fp8_quant(x, q, s, 128, 1e-10, -448.0, 448.0, False)  # q: f8e4m3fn, s: f32[T, H/128]',
  attributes({ arg, state, graph, outputDtype }) {
    const groupSize = numberOf(arg('group_size'));
    const eps = numberOf(arg('eps'));
    if (groupSize === undefined || eps === undefined) return 'states no literal group size and eps';
    const powers = boolOf(arg('scale_ue8m0')) ?? false;
    const max = numberOf(arg('fp8_max|max_8bit')) ?? 448;
    const scales = valueOf(arg('output_s'));
    return {
      ...scaleState(state('output_s')),
      nan: 'lost',
      attributes: {
        scheme: 'fp8_group',
        outputDtype,
        groupSize,
        scaleDtype: powers ? 'f8e8m0fnu' : 'f32',
        // The kernel starts a group's maximum at eps, and holds what it rounds up to a power of two above 1e-10.
        scaleFloor: Math.max(eps / max, powers ? POWER_FLOOR : 0),
        scaleForm: 'divide',
        scaleLayout: scaleLayout(graph, scales, boolOf(arg('dummy_is_scale_transposed')) ?? false),
      },
    };
  },
};

const nvfp4: QuantRow = {
  op: '_C.scaled_fp4_quant',
  params: ['output', 'input', 'output_scale', 'input_scale', 'is_sf_swizzled_layout'],
  output: 'output',
  mutated: ['output', 'output_scale'],
  title: 'NVFP4 with a given global scale: `_C.scaled_fp4_quant`, `.default` or `.out`',
  example:
    '_C.scaled_fp4_quant.out(input=x, input_scale=g, is_sf_swizzled_layout=True, output=q, output_scale=s)',
  attributes({ arg, state }) {
    const scale = valueOf(arg('input_scale'));
    if (scale === undefined) return 'has no global scale';
    const swizzled = boolOf(arg('is_sf_swizzled_layout')) ?? true;
    return {
      scale,
      ...scaleState(state('output_scale')),
      nan: 'lost',
      attributes: {
        scheme: 'nvfp4',
        outputDtype: 'f4e2m1fnx2',
        groupSize: 16,
        scaleDtype: 'f8e4m3fn',
        scaleFloor: null,
        scaleForm: 'reciprocal',
        scaleLayout: swizzled ? 'swizzled_128x4' : 'linear',
      },
    };
  },
};

const scaleState = (scaleOutput: ValueId | undefined): { scaleOutput?: ValueId } =>
  scaleOutput === undefined ? {} : { scaleOutput };

/** Order of group scales, from the strides of their buffer: column major when rows are adjacent. */
function scaleLayout(
  graph: Graph,
  scales: ValueId | undefined,
  transposed: boolean,
): QuantAttributes['scaleLayout'] {
  const type = scales === undefined ? null : graph.value(scales).type;
  if (type?.kind !== 'tensor') return transposed ? 'column_major' : 'row_major';
  if (type.dtype === 'i32') return 'column_major_packed';
  const { shape, strides } = type;
  if (strides && strides.length === 2) {
    const columns =
      dimEquals(strides[0]!, 1) && !dimEquals(strides[1]!, 1) && !dimEquals(shape[1]!, 1);
    return columns || transposed ? 'column_major' : 'row_major';
  }
  return transposed || comesFromTranspose(graph, scales!) ? 'column_major' : 'row_major';
}

function comesFromTranspose(graph: Graph, value: ValueId): boolean {
  const node = graph.producer(value);
  return node !== undefined && /(^|\.)(permute|transpose|t|as_strided)$/.test(opBase(node.op));
}

export const QUANT_OPS: readonly QuantRow[] = [fp8Static, fp8Token, fp8Group, nvfp4];

function lift(row: QuantRow, spelling: string, node: Node, context: LiftContext): CanonicalOp[] {
  const { graph, flow } = context;
  const input = valueOf(argOf(node, row.params, 'input'));
  if (input === undefined) return [];
  const buffer = valueOf(argOf(node, row.params, row.output));
  const output = stateOf(graph, node, row.params, row.output, row.mutated);
  if (output === undefined) return [];
  const state = (param: string): ValueId | undefined =>
    stateOf(graph, node, row.params, param, row.mutated);
  const outputDtype =
    (buffer === undefined ? undefined : flow.dtype(buffer)) ?? flow.dtype(output) ?? 'f8e4m3fn';
  const lifted = row.attributes({
    node,
    graph,
    outputDtype,
    arg: (param) => argOf(node, row.params, param),
    state,
  });
  if (typeof lifted === 'string')
    return [rejected(spelling, node, [flow.root(input)], `\`${node.name}\` ${lifted}`)];
  const side: NodeId[] = [...flow.path(input)];
  for (const param of row.mutated) {
    const written = valueOf(argOf(node, row.params, param));
    if (written !== undefined) side.push(...allocation(graph, written));
  }
  return [
    {
      op: 'quant',
      spelling,
      node: node.id,
      covered: [node.id],
      side,
      input: flow.root(input),
      output,
      ...lifted,
    },
  ];
}

export const QUANT_OP_SPELLINGS: readonly Spelling[] = QUANT_OPS.map((row) => {
  const name = `quant/${row.op}`;
  return {
    name,
    produces: 'quant',
    ops: [row.op],
    title: row.title,
    example: row.example,
    lift: (node, context) => lift(row, name, node, context),
  };
});
